"""A message that had to be recoded for a server, signed anew where its signature was ours.

Owns: that exchange: signatures of ours, proven with our own keys, for fresh ones over the recoded message. Never: signs
what did not bear a true signature of ours (signing.proof), signs more fields than that did. Raises: QueueError,
EOFError.
"""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from postroom.signing import BodyHash, Proven, Signing

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


async def own_signatures(content: "QueuedContent", signing: Signing) -> list[Proven]:
    """The signatures on it that are truly ours, and can be made anew."""
    header = await content.header()
    proof = signing.proof(header)
    if proof is None or not header.endswith(_END):
        return []
    async for piece in content.between(len(header), content.size):
        proof.update(piece)
    return [one for one in proof.proven() if signing.keys(one.domain)]


async def resigned(content: "QueuedContent", recoded: "RecodedContent", signing: Signing) -> "Content":
    """RFC 6376 §5.3: recoding breaks a signature, so those that are ours are made once more."""
    proven = await own_signatures(content, signing)
    if not proven:
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
    for one in proven:
        new = new.replace(one.field, b"", 1)
    digest = hasher.digest()
    names = {one.domain: one.names for one in reversed(proven)}
    fields = [signing.sign(signing.keys(domain), new, digest, names[domain]) for domain in names]
    return ResignedContent(recoded, octets, b"".join(fields) + new)
