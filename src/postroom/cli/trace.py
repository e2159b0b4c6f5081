"""`postroom trace`: the way of a message, step by step.

Owns: the words for each step. Never: writes; needs a running server. Raises: Refusal.
"""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import config_option, json_option, read_settings
from .outcome import MissingOrPresent, Refusal, print_json, tame

if TYPE_CHECKING:
    from postroom.journal import Step, Story

Facts = dict[str, Any]


def _received(facts: Facts) -> str:
    if "about" in facts:
        return f"report on {facts['about']} for {_addresses(facts)}"
    who = f" as {facts['user']}" if "user" in facts else ""
    tls = f" over {facts['tls']}" if "tls" in facts else " in the clear"
    return (
        f"received from {facts.get('hello', '?')} [{facts.get('client', '?')}]{who}{tls}:"
        f" from=<{facts.get('from', '')}> to={_addresses(facts)} {facts.get('size', 0)} octets"
    )


def _addresses(facts: Facts) -> str:
    return ", ".join(f"<{address}>" for address in _listed(facts, "to"))


def _listed(facts: Facts, name: str) -> list[str]:
    """A fact that is one or several."""
    several = facts.get(name, [])
    return several if isinstance(several, list) else [several]


def _attempt(facts: Facts) -> str:
    tls = f", {facts['tls']}" if "tls" in facts else ", in the clear" if facts.get("relay") not in _NOBODY else ""
    tls += f" ({facts['tls_by']})" if "tls_by" in facts else ""
    words = f"attempt {facts.get('attempt', 1)} for {_addresses(facts)}: {facts.get('status', '?')}"
    return f"{words}, by {facts.get('relay', '?')}{tls}: {facts.get('reply', '')}"


def _call(facts: Facts) -> str:
    demanded = f", demanded by {facts['tls_by']}" if "tls_by" in facts else ""
    return f"no session with {facts.get('relay', '?')}{demanded}: {facts.get('reply', '')}"


def _expanded(facts: Facts) -> str:
    if not facts.get("queue_id"):
        return f"nobody on the list {_addresses(facts)} is left to send it to"
    return f"sent on to the members of {_addresses(facts)} as {facts['queue_id']}"


def _checked(facts: Facts) -> str:
    """What was found out about the sender; the evidence follows on lines of its own."""
    why = f": {facts['why']}" if "why" in facts else ""
    return f"who sent it was checked, {_CONSEQUENCES.get(facts.get('action', ''), 'and it goes on')}{why}"


def _scored(facts: Facts) -> str:
    """What its points come to; each part follows on a line of its own."""
    consequence = _CONSEQUENCES.get(facts.get("action", ""), "and it goes on")
    return f"{facts.get('points', '?')} points speak against it, {consequence}"


def _turned_away(facts: Facts) -> str:
    """Before the message: each part of the client's points follows on a line of its own."""
    return (
        f"[{facts.get('client', '?')}] with {facts.get('points', '?')} points was turned away: "
        f"from=<{facts.get('from', '')}> to={_addresses(facts)}: {facts.get('reply', '')}"
    )


def _filtered(facts: Facts) -> str:
    """What other programs made of it; each of them follows on a line of its own."""
    why = f": {facts['why']}" if facts.get("why") else ""
    return f"looked at by filters, {_CONSEQUENCES.get(facts.get('action', ''), 'and it goes on')}{why}"


def evidence_for(step: "Step") -> list[str]:
    """What a step stands on, a line each."""
    if step.name in ("scored", "turned away"):
        return _listed(step.facts, "parts")
    if step.name == "filtered":
        return _listed(step.facts, "by")
    if step.name != "checked":
        return []
    from postroom.intake.evidence import told

    return told(step.facts)


_CONSEQUENCES = {
    "tag": "and it goes on, marked",
    "quarantine": "and it goes into Junk",
    "junk": "and it goes into Junk",
    "reject": "and it is refused",
    "defer": "and it has to come again",
}


def _judged(facts: Facts) -> str:
    """By the person's own training."""
    consequence = "it goes into Junk" if facts.get("verdict") == "junk" else "it goes on"
    return f"judged for {_addresses(facts)} by what they have called junk, {consequence}: {facts.get('words', '')}"


def _reported(facts: Facts) -> str:
    """A report that went into a mailbox here has its signature told with it; one that is queued has its own story."""
    signed = f", signed (DKIM) by {' and '.join(_listed(facts, 'signed'))}" if "signed" in facts else ""
    return f"report to {_addresses(facts)}: {facts.get('report', '')}{signed}"


_NOBODY = ("local", "none", None)
_WORDS: dict[str, Callable[[Facts], str]] = {
    "received": _received,
    "call": _call,
    "in doubt": lambda facts: (
        f"lost {facts.get('relay', '?')} after the end of the message: it may have taken it for {_addresses(facts)}"
    ),
    "checked": _checked,
    "scored": _scored,
    "turned away": _turned_away,
    "filtered": _filtered,
    "refused": lambda facts: f"refused: {facts.get('reply', '')}",
    "delivered": lambda facts: f"delivered into the mailbox of {_addresses(facts)}",
    "judged": _judged,
    "not delivered": lambda facts: f"not delivered to {_addresses(facts)}: {facts.get('reply', '')}",
    "signed": lambda facts: f"signed (DKIM) by {' and '.join(_listed(facts, 'by'))}",
    "sealed": lambda facts: f"sealed (ARC) by {' and '.join(_listed(facts, 'by'))}",
    "queued": lambda facts: f"queued as {facts.get('queue_id', facts['id'])} for {_addresses(facts)}",
    "attempt": _attempt,
    "interrupted": lambda facts: (  # RFC 1047: whose acceptance was not recorded is sent again
        f"the server was stopped by force during an attempt for {_addresses(facts)}: if the other side had just taken "
        "it, it gets it twice"
    ),
    "expanded": _expanded,
    "reported": _reported,
    "made": lambda facts: f"{facts.get('what', 'message')} made here for {_addresses(facts)}",
}


def words_for(step: "Step") -> str:
    """A step in words; one that this version does not know as it stands."""
    known = _WORDS.get(step.name)
    if known is not None:
        return known(step.facts)
    return " ".join((step.name, *(f"{name}={fact}" for name, fact in step.facts.items() if name != "id")))


def words_for_doubt(address: str, times: int) -> str:
    """How often a recipient may have got the message without our knowing it."""
    often = "once" if times == 1 else f"{times} times"
    return f"in doubt {often} for <{address}>: each time the other side may have taken it, unknown to us"


@click.command(epilog="Example: postroom trace '<20261126.1@example.org>'")
@click.argument("wanted", metavar="ID|MESSAGE-ID|ADDRESS")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Messages shown, the last ones.")
@json_option
@config_option
def trace(wanted: str, limit: int, as_json: bool, config_path: Path | None) -> None:
    """Follow a message: received, queued, every attempt with what the other side said, delivered.

    It is named by its id here (in its Received field, in the reply to the sender, in the queue), by its Message-ID, or
    by the address of a sender or recipient.
    """
    config = read_settings(config_path)
    from postroom.journal import doubts, stories

    try:
        found = stories(config.data / "journal", wanted, limit)
    except OSError as error:
        raise Refusal(f"The journal can't be read: {error}") from error
    if not found:
        raise MissingOrPresent(
            f"Nothing is known of {tame(wanted)} (steps are kept for {config.journal.keep_days} days)"
        )
    if as_json:
        print_json([_as_json(story) for story in found])
        return
    for number, story in enumerate(found):
        if number:
            click.echo()
        click.echo(story.message_id)
        for step in story.steps:
            click.echo(f"  {_moment(step.at)}  {tame(words_for(step))}")
            for line in evidence_for(step):
                click.echo(f"      {tame(line)}")
        for address, times in doubts(story).items():
            click.echo(f"  {tame(words_for_doubt(address, times))}")


def _as_json(story: "Story") -> dict[str, Any]:
    steps = [{"at": _moment(step.at), "step": step.name, **step.facts} for step in story.steps]
    from postroom.journal import doubts

    return {"id": story.message_id, "steps": steps, "in_doubt": dict(doubts(story))}


def _moment(at: float) -> str:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
