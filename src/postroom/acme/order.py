"""One order from its making to the certificate, as a state machine (RFC 8555 §7.1.6).

Owns: what is to be done next. Never: asks anybody, waits, keeps time. Raises: nothing.

`next_step` looks at what the server has said last and gives one step; whoever takes it brings the new state and asks
again. Nothing is remembered but which challenges were answered.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .objects import Authorization, Challenge, Order


@dataclass(frozen=True, slots=True)
class LookAtAuthorization:
    """Ask for it, for the first time or once more after a pause."""

    url: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Prepare what the server will look at, then tell it to look."""

    authorization: str
    name: str  # without "*."
    challenge: Challenge


@dataclass(frozen=True, slots=True)
class LookAtOrder:
    """Ask for the order once more after a pause."""


@dataclass(frozen=True, slots=True)
class Finalize:
    """Send the request for the certificate."""

    url: str


@dataclass(frozen=True, slots=True)
class Download:
    """The certificate is there."""

    url: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It comes to nothing; the words say which name, and why."""

    words: str


Step = LookAtAuthorization | Answer | LookAtOrder | Finalize | Download | Refused


def next_step(order: Order, authorizations: Mapping[str, Authorization], answered: Collection[str], kind: str) -> Step:
    """`authorizations`: by URL, as last seen. `answered`: URLs of challenges. `kind`: of challenge, "http-01"."""
    if order.status == "valid":
        return Download(order.certificate) if order.certificate else LookAtOrder()
    if order.status == "ready":
        return Finalize(order.finalize)
    if order.status == "processing":
        return LookAtOrder()
    refused = [one for url in order.authorizations if (one := authorizations.get(url)) and _is_over(one)]
    if refused:
        return Refused("; ".join(_why(one, kind) for one in refused))
    if order.status == "invalid":
        return Refused(order.error.words if order.error is not None else "the order is invalid")
    # All are prepared before the first is waited for: the server looks at several at once.
    waiting: LookAtAuthorization | None = None
    for url in order.authorizations:
        one = authorizations.get(url)
        if one is None:
            return LookAtAuthorization(url)
        if one.status == "valid":
            continue
        challenge = next((each for each in one.challenges if each.type == kind), None)
        if challenge is None:
            offered = ", ".join(sorted(each.type for each in one.challenges)) or "nothing"
            return Refused(f"{_shown(one)}: the authority does not offer {kind} for it, only {offered}")
        if challenge.url not in answered:
            return Answer(url, one.identifier.value.lower(), challenge)
        waiting = waiting or LookAtAuthorization(url, again=True)
    return waiting or LookAtOrder()


def _is_over(one: Authorization) -> bool:
    return one.status not in ("pending", "valid")


def _shown(one: Authorization) -> str:
    return f"*.{one.identifier.value}" if one.wildcard else one.identifier.value


def _why(one: Authorization, kind: str) -> str:
    problem = next((each.error for each in one.challenges if each.error is not None), None)
    return f"{_shown(one)}: {kind} failed: {problem.words}" if problem is not None else f"{_shown(one)}: {one.status}"
