"""A message that had to be recoded for a server, signed and sealed anew where its signature or newest seal was ours.

Owns: that exchange: signatures and an ARC set of ours, proven with our own keys, for fresh ones over the recoded
message. Never: signs what did not bear a true signature of ours (signing.proof), signs more fields than that did.
Raises: QueueError, EOFError.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.signing import BodyHash, Proven, ProvenSeal, Signing

if TYPE_CHECKING:
    from .content import Content, QueuedContent, RecodedContent

_MAX_HEADER_OCTETS = 1 << 20
_END = b"\r\n\r\n"


class ResignedContent:
    """The recoded message with another header."""

    def __init__(self, recoded: "RecodedContent", old_header_octets: int, header: bytes) -> None:
        self._recoded = recoded
        self._skipped = old_header_octets
        self._header = header
        self.size = recoded.size - old_header_octets + len(header)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        yield self._header
        skip = self._skipped
        async for piece in self._recoded.pieces():
            if skip < len(piece):
                yield piece[skip:]
            skip = max(0, skip - len(piece))


@dataclass(frozen=True, slots=True)
class Own:
    """What on a message is truly ours, and can be made anew."""

    signatures: list[Proven]
    seal: ProvenSeal | None = None

    def __bool__(self) -> bool:
        return bool(self.signatures) or self.seal is not None

    @property
    def count(self) -> int:
        """Of signatures, the one in the ARC set with them."""
        return len(self.signatures) + (self.seal is not None)


async def own_signatures(content: "QueuedContent", signing: Signing) -> Own:
    """The body is read only where something claims to be ours."""
    header = await content.header()
    proof, sealed = signing.proof(header), signing.seal_proof(header)
    proofs = [one for one in (proof, sealed) if one is not None]
    if not proofs or not header.endswith(_END):
        return Own([])
    async for piece in content.between(len(header), content.size):
        for one in proofs:
            one.update(piece)
    seal = sealed.proven() if sealed is not None else None
    return Own(
        [one for one in proof.proven() if signing.keys(one.domain)] if proof is not None else [],
        seal if seal is not None and signing.arc_key(seal.domain) is not None else None,
    )


async def resigned(content: "QueuedContent", recoded: "RecodedContent", signing: Signing) -> "Content":
    """RFC 6376 §5.3: recoding breaks a signature, so those that are ours are made once more; so is our ARC set, which
    goes above them (RFC 8617 §5.1)."""
    own = await own_signatures(content, signing)
    if not own:
        return recoded
    new, hasher = b"", BodyHash()
    end = -1
    async for piece in recoded.pieces():
        if end >= 0:
            hasher.update(piece)
            continue
        new += piece
        end = new.find(_END)
        if end >= 0:
            hasher.update(new[end + len(_END) :])
        elif len(new) > _MAX_HEADER_OCTETS:
            break
    if end < 0:
        return recoded
    new = new[: end + len(_END)]
    octets = len(new)
    for field in (*(one.field for one in own.signatures), *(own.seal.fields if own.seal is not None else ())):
        new = new.replace(field, b"", 1)
    digest = hasher.digest()
    names = {one.domain: one.names for one in reversed(own.signatures)}
    new = b"".join(signing.sign(signing.keys(domain), new, digest, names[domain]) for domain in names) + new
    if own.seal is not None and (key := signing.arc_key(own.seal.domain)) is not None:
        new = signing.seal_anew(key, own.seal, new, digest) + new
    return ResignedContent(recoded, octets, new)
