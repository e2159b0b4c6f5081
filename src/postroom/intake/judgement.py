"""What follows from what was found out about a message's author: the table of the policy.

Owns: the decision, the words a refused sender reads. Never: finds anything out. Raises: nothing; the refusals that it
hands back are declared here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from postroom.base import MailError
from postroom.reputation import is_always_taken

from .authentication_settings import AuthenticationSettings, Consequence

Action = Literal["accept", "tag", "quarantine", "reject", "defer"]
_STRENGTH: tuple[Action, ...] = ("accept", "tag", "quarantine", "reject")
_SHOWN = 200  # characters of what others wrote, in a reply


class NotAuthentic(MailError):
    """Mail that its author's domain disowns, or whose author can't be told."""

    code, enhanced, text = 550, "5.7.1", "The message is not from whom it says"


class SpfFailed(MailError):
    """RFC 7372 §3.2."""

    code, enhanced, text = 550, "5.7.23", "SPF forbids this host to send for the domain"


class NotChecked(MailError):
    """RFC 7208 §8.6 and RFC 7489 §6.6.3: a receiver may let the sender try again while the DNS does not answer."""

    code, enhanced, text = 451, "4.7.0", "The author's domain can't be checked now, please try again later"


@dataclass(frozen=True, slots=True)
class Findings:
    """What the decision depends on."""

    author_domain: str = ""  # of the From field
    author_problem: str = ""  # why there is no telling who the author is
    dmarc: str = "none"  # the result's word (RFC 8601)
    policy: str = "none"  # what the author's domain asks for: none, quarantine, reject
    testing: bool = False  # and asks for a step less than that, for now (t=y)
    spf_fails: str = ""  # the domain whose SPF says "fail" about the client
    spf_explanation: str = ""  # what that domain says of it (exp=)
    vouched_by: str = ""  # the trusted sealer whom the message reached with its DMARC intact


@dataclass(frozen=True, slots=True)
class Judgement:
    action: Action
    why: str = ""  # for people; "" when there is nothing to say
    error: MailError | None = None  # with reject and defer


ACCEPT = Judgement("accept")


def judge(found: Findings, settings: AuthenticationSettings) -> Judgement:
    """The gravest of what the settings make of each finding."""
    return max(_judgements(found, settings), key=lambda one: _gravity(one.action))


def heard(judgement: Judgement, recipients: Sequence[str], settings: AuthenticationSettings) -> Judgement:
    """What it is for these recipients: complaints reach a postmaster (RFC 5321 §4.5.1, RFC 2142 §4), who is nobody's
    way to anybody else's mailbox."""
    alone = bool(recipients) and all(map(is_always_taken, recipients))
    if judgement.action != "reject" or settings.to_postmaster == "reject" or not alone:
        return judgement
    return Judgement(settings.to_postmaster, f"{judgement.why}; it is taken all the same, as complaints may come so")


def _judgements(found: Findings, settings: AuthenticationSettings) -> list[Judgement]:
    judgements = [ACCEPT]
    if found.author_problem:
        why = f"the author can't be told: {found.author_problem}"
        judgements.append(_judgement(settings.broken_from, why, NotAuthentic(why, text=_ascii(_capital(why)))))
    elif found.dmarc == "pass":
        return judgements
    elif found.vouched_by and found.dmarc == "fail":
        return [Judgement("accept", f"it had passed DMARC when it came to {found.vouched_by}, whose seal is trusted")]
    if found.dmarc == "fail":
        judgements.append(_disowned(found, settings))
    elif found.dmarc == "temperror":
        why = f"the DNS does not tell whether {found.author_domain} sent it"
        defer = settings.dns_trouble == "defer"
        judgements.append(Judgement("defer", why, NotChecked(why)) if defer else Judgement("tag", why))
    if found.spf_fails:
        judgements.append(_not_permitted(found, settings))
    return judgements


def _disowned(found: Findings, settings: AuthenticationSettings) -> Judgement:
    """DMARC fails (RFC 7489 §6.6.2). A policy on trial counts as the next milder one (RFC 9989, the tag t)."""
    asked = found.policy if found.policy in ("reject", "quarantine") else ""
    if not asked:
        return Judgement("tag", f"nothing shows that {found.author_domain} sent it; its policy asks for nothing")
    why = f"nothing shows that {found.author_domain} sent it; its policy asks to {asked}"
    if found.testing:
        why += ", but is on trial (t=y)"
        if asked == "quarantine":
            return Judgement("tag", why)
        why += ", which makes it quarantine"
    consequence = settings.dmarc_reject if asked == "reject" and not found.testing else settings.dmarc_quarantine
    text = (
        f"Refused by the DMARC policy of {_ascii(found.author_domain)}: neither SPF nor DKIM shows that the message "
        "is from there"
    )
    return _judgement(consequence, why, NotAuthentic(why, text=text))


def _not_permitted(found: Findings, settings: AuthenticationSettings) -> Judgement:
    why = f"SPF of {found.spf_fails} says that this host may not send for it"
    text = f"SPF of {_ascii(found.spf_fails)} forbids this host to send for it"
    if found.spf_explanation:  # RFC 7208 §6.2: it has to be clear that these are not our words
        text += f"; that domain explains: {_ascii(found.spf_explanation)}"
    return _judgement(settings.spf_fail, why, SpfFailed(why, text=text))


def _judgement(consequence: Consequence, why: str, error: MailError) -> Judgement:
    return Judgement(consequence, why, error if consequence == "reject" else None)


def _gravity(action: Action) -> float:
    # a message that may turn out to be genuine later is neither refused for good nor taken
    return _STRENGTH.index(action) if action != "defer" else 2.5


def _ascii(text: str) -> str:
    """Text of others for a reply, which is short and ASCII (RFC 5321 §4.2)."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:_SHOWN])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
