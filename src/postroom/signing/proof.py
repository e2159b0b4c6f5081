"""Whether the signatures on a message are our own: verified with our own keys, without a question to the DNS.

Owns: that check, for who has to change a message on its way and then signs it anew (delivery). Never: signs. Raises:
nothing.

Nothing else makes a message ours: not its From field, not whom it came from. What was not signed here is not signed
because it passes.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

from postroom.mailauth.dkim import (
    BadSignature,
    BodyHashes,
    DkimResult,
    HeaderFields,
    Signature,
    find_signatures,
    verify,
)
from postroom.mailauth.questions import Question, Reply, conclude

from .keys import record_text
from .types import State


class Proven(NamedTuple):
    """A signature of ours that is true."""

    domain: str
    selector: str
    names: tuple[bytes, ...]  # h=
    field: bytes  # whole, with its line end


def record_of(state: State, domain: str, selector: str) -> str | None:
    """The text of this key, if it is ours and not revoked."""
    for keys in state.domains.get(domain, ()):
        for key in keys.keys if keys.revoked is None else ():
            if key.selector == selector:
                return record_text(key)
    return None


class Proof:
    """`update` it with the body, then `proven`."""

    def __init__(self, header: HeaderFields, signatures: Sequence[Signature], records: dict[str, str], now: float):
        self._header = header
        self._signatures = signatures
        self._records = records
        self._now = now
        self._hashes = BodyHashes.for_signatures(signatures)

    @classmethod
    def of(cls, header: bytes, state: State, now: float) -> Self | None:
        """None: no signature names a key of ours."""
        fields = HeaderFields(header)
        if not state.domains or not fields.mentions(b"dkim-signature"):
            return None
        found = [one for one in find_signatures(fields) if not isinstance(one, BadSignature)]
        records: dict[str, str] = {}
        for one in found:
            if (record := record_of(state, one.domain, one.selector)) is not None:
                records[one.key_name] = record
        ours = [one for one in found if one.key_name in records]
        return cls(fields, ours, records, now) if ours else None

    def update(self, piece: bytes) -> None:
        """The next octets of the body."""
        self._hashes.update(piece)

    def proven(self) -> list[Proven]:
        """The signatures that are true of this message, whole (no l=), and not too old; the body has ended."""

        def answer(question: Question) -> Reply:
            return Reply((self._records[question.name].encode(),))

        verdicts = conclude(verify(self._header, self._signatures, self._hashes, now=self._now), answer)
        return [
            Proven(one.domain, one.selector, one.names, one.field + b"\r\n")
            for one, verdict in zip(self._signatures, verdicts, strict=True)
            if verdict.result is DkimResult.PASS and one.length is None
        ]
