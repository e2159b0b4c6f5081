"""What an ACME server says (RFC 8555 §7.1), read and checked.

Owns: the types and what of them is used. Never: asks for anything. Raises: BadAnswer.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar

import msgspec

PREFIX = "urn:ietf:params:acme:error:"
_MOST_WAIT = 86_400.0  # seconds that a server may ask us to wait; it is not to stop us for ever
_SHOWN = 300  # characters of a server's words


class BadAnswer(Exception):
    """Not what RFC 8555 says."""


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    """Members that are not known are passed over."""


class Meta(_Object, frozen=True, rename="camel"):
    terms_of_service: str = ""
    external_account_required: bool = False


class Directory(_Object, frozen=True, rename="camel"):
    """RFC 8555 §7.1.1."""

    new_nonce: str
    new_account: str
    new_order: str
    meta: Meta = Meta()


class Identifier(_Object, frozen=True, rename="camel"):
    type: str
    value: str


class Problem(_Object, frozen=True, rename="camel"):
    """RFC 7807, RFC 8555 §6.7."""

    type: str = "about:blank"
    detail: str = ""
    subproblems: "tuple[Problem, ...]" = ()
    identifier: Identifier | None = None

    @property
    def kind(self) -> str:
        """ "badNonce" and so on; of other registries the whole name."""
        return self.type.removeprefix(PREFIX)

    @property
    def words(self) -> str:
        """For people, with what belongs to single names."""
        whose = f"{self.identifier.value}: " if self.identifier is not None else ""
        parts = [f"{whose}{self.kind}: {self.detail}" if self.detail else f"{whose}{self.kind}"]
        parts += [one.words for one in self.subproblems]
        text = "; ".join(parts)
        return "".join(sign if sign.isprintable() else " " for sign in text)[:_SHOWN]


class Challenge(_Object, frozen=True, rename="camel"):
    """RFC 8555 §8."""

    type: str
    url: str
    status: str = "pending"
    token: str = ""
    error: Problem | None = None


class Authorization(_Object, frozen=True, rename="camel"):
    """RFC 8555 §7.1.4."""

    identifier: Identifier
    status: Literal["pending", "valid", "invalid", "deactivated", "expired", "revoked"]
    challenges: tuple[Challenge, ...]
    wildcard: bool = False


class Order(_Object, frozen=True, rename="camel"):
    """RFC 8555 §7.1.3."""

    status: Literal["pending", "ready", "processing", "valid", "invalid"]
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str = ""
    error: Problem | None = None


T = TypeVar("T", Directory, Authorization, Order, Problem)


def read(body: bytes, kind: type[T]) -> T:
    """Raises BadAnswer."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadAnswer(f"no {kind.__name__.lower()}: {error}") from error


def read_problem(body: bytes) -> Problem:
    """One without words where there is none."""
    try:
        return read(body, Problem)
    except BadAnswer:
        return Problem()


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait (RFC 9110 §10.2.3: a number, or a date); None: nothing is said that can be used."""
    if value is None:
        return None
    try:
        wait = float(int(value.strip()))
    except ValueError:
        try:
            moment: datetime = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait = float(moment.timestamp()) - now
    return min(max(wait, 0.0), _MOST_WAIT)
