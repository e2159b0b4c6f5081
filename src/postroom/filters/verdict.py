"""What filters say, made one: capped by their settings, weighed against each other, put into the message.

Owns: that. Never: asks a filter. Raises: BadHeaderChange where a filter's changes can't be made.
"""

from collections.abc import Sequence

from postroom.base import MailError

from .envelope_change import BadEnvelopeChange, new_recipient, new_sender, old_recipient
from .milter.dialogue import Answer
from .milter.packets import HeaderWish, QuarantineWish, RecipientWish, SenderWish
from .milter.session import Said
from .plain_words import later, plain, refusal
from .settings import FilterSettings
from .types import GRAVITY, FilterFailed, HeaderChange, Verdict

UNFILTERED = b"Postroom-Unfiltered"


def capped(verdict: Verdict, settings: FilterSettings) -> Verdict:
    """No more than the settings let follow."""
    if settings.strongest == "reject" or not verdict.asked or verdict.action == "accept":
        return verdict
    verdict.action = "junk" if settings.strongest == "junk" and verdict.action in ("junk", "reject") else "accept"
    verdict.error = None
    return verdict


def gravest(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first of those that weigh most; None of none."""
    return max(verdicts, key=lambda one: GRAVITY[one.action], default=None)


def failure(name: str, why: str, settings: FilterSettings) -> Verdict:
    """What follows when a filter could not be asked."""
    verdict = Verdict(words=f"not asked: {plain(why)}", asked=False)
    if settings.failure == "defer":
        verdict.action, verdict.error = "defer", later(detail=f"filter {name}: {why}")
    elif settings.failure == "tag":
        verdict.header_changes.append(unfiltered(name, "it did not answer"))
    return verdict


def too_large(name: str, why: str) -> Verdict:
    """What it does not take is not its failure."""
    verdict = Verdict(words=f"not asked: {why}", asked=False)
    verdict.header_changes.append(unfiltered(name, "the message is too large for it"))
    return verdict


def unfiltered(name: str, why: str) -> HeaderChange:
    """The field that says that a filter has not seen the message."""
    return HeaderChange("insert", UNFILTERED, f" {name} ({why})".encode("ascii", "replace"), 1)


# ---- milters


def refused(answer: Answer, name: str) -> MailError:
    """The reply that a milter wants."""
    text = plain(answer.text)
    make = refusal if answer.code >= 500 else later
    error = make(text, enhanced=answer.enhanced, detail=f"milter {name}: {answer.code} {text}")
    error.code = answer.code
    return error


def of_milter(said: Said, name: str) -> Verdict:
    """What it said to a message. Raises FilterFailed for what can be no address."""
    answer = said.answer
    verdict = Verdict(body=said.body)
    match answer.kind:
        case "discard":  # nothing vanishes here
            verdict.action, verdict.words = "junk", "it wants the message discarded"
        case "refuse" | "close":
            verdict.action = "reject" if answer.code >= 500 else "defer"
            verdict.error = refused(answer, name)
            verdict.words = f"refused: {answer.code} {plain(answer.text)}".rstrip()
        case _:
            verdict.words = "accepted"
    try:
        _wishes(verdict, said)
    except BadEnvelopeChange as error:
        verdict.close()
        raise FilterFailed(f"it breaks the protocol: {error}") from error
    return verdict


def _wishes(verdict: Verdict, said: Said) -> None:
    for wish in said.wishes:
        match wish:
            case HeaderWish(do=do, name=name, value=value, number=number):
                verdict.header_changes.append(HeaderChange(do, name, said.add_blank(value), number))
            case RecipientWish(do="delete", address=address):
                removed = old_recipient(address)
                verdict.removed.append(removed)
                verdict.added = [one for one in verdict.added if one.address != removed]
            case RecipientWish(address=address, parameters=parameters):
                verdict.added.append(new_recipient(address, parameters))
            case SenderWish(address=address, parameters=parameters):
                verdict.mail_from = new_sender(address, parameters)
            case QuarantineWish(reason=reason):
                if verdict.action == "accept":
                    verdict.action, verdict.words = "junk", f"quarantine: {plain(reason)}"
