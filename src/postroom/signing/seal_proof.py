"""Whether the newest ARC set on a message is our own, verified with our own keys, as proof.py does for DKIM.

Owns: that check, for who has to change a message on its way and then seals it anew (delivery). Never: seals, looks at
the sets below, which are what they were. Raises: nothing.
"""

from typing import NamedTuple, Self

from postroom.mailauth.arc import ArcResult, Chain, find_sets, newest_holds
from postroom.mailauth.dkim import BodyHashes, HeaderFields
from postroom.mailauth.questions import Question, Reply, conclude

from .proof import record_of
from .types import State


class ProvenSeal(NamedTuple):
    """An ARC set of ours that is true."""

    domain: str
    status: ArcResult  # of the chain below: none or pass
    assessed: bytes  # the value of Authentication-Results that was sealed
    names: tuple[bytes, ...]  # h= of its ARC-Message-Signature
    fields: tuple[bytes, ...]  # the three, whole, each with its line end


class SealProof:
    """`update` it with the body, then `proven`."""

    def __init__(self, header: HeaderFields, chain: Chain, state: State, now: float) -> None:
        self._header = header
        self._chain = chain
        self._state = state
        self._now = now
        self._hashes = BodyHashes.for_signatures(chain.signatures[:1])

    @classmethod
    def of(cls, header: bytes, state: State, now: float) -> Self | None:
        """None: the newest set does not name a key of ours. A chain that has failed is not looked at: it stays so."""
        fields = HeaderFields(header)
        if not state.domains or not fields.mentions(b"arc-seal"):
            return None
        chain = find_sets(fields)
        if not chain.signatures or record_of(state, chain.signatures[0].domain, chain.signatures[0].selector) is None:
            return None
        return cls(fields, chain, state, now)

    def update(self, piece: bytes) -> None:
        """The next octets of the body."""
        self._hashes.update(piece)

    def proven(self) -> ProvenSeal | None:
        """The newest set, if both its signatures are true, and of keys of ours; the body has ended."""

        def answer(question: Question) -> Reply:
            selector, _, domain = question.name.partition("._domainkey.")
            record = record_of(self._state, domain, selector)
            return Reply() if record is None else Reply((record.encode(),))

        if not conclude(newest_holds(self._header, self._chain, self._hashes, now=self._now), answer):
            return None
        newest, signature = self._chain.sets[-1], self._chain.signatures[0]
        return ProvenSeal(
            signature.domain,
            ArcResult(newest.status.decode("ascii")),
            newest.results.value.partition(b";")[2],  # behind i= (RFC 8617 §4.1.1)
            signature.names,
            tuple(one.field + b"\r\n" for one in (newest.seal, newest.signature, newest.results)),
        )
