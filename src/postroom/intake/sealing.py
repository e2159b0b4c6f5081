"""Our ARC seal on what goes on to other servers: what we had found when it came to us (RFC 8617 §5.1).

Owns: what is sealed, and with which status of the chain. Never: keeps keys, checks a message. Raises: OSError from the
disk; what can't be sealed goes on without a seal.
"""

import asyncio
import logging
from typing import Protocol

from postroom.accounts import domain_key
from postroom.base import Clock
from postroom.mailauth.arc import ArcResult, Chain, find_sets, seal
from postroom.mailauth.dkim import BodyHasher, Canonicalization, HeaderFields, SigningKey
from postroom.mailauth.results import parse
from postroom.message import iter_fields
from postroom.store import Draft

_log = logging.getLogger("postroom.intake")
_PIECE_OCTETS = 65_536
_RESULTS = b"authentication-results"


class SealingKeys(Protocol):
    """Who has the key of a domain of ours (signing.Signing)."""

    def arc_key(self, domain: str) -> SigningKey | None: ...


async def sealed(
    domain: str,
    draft: Draft,
    header: bytes,
    assessed: bytes,
    keys: SealingKeys,
    clock: Clock,
    *,
    come: bytes | None = None,
) -> bytes:
    """The three fields for a finished draft whose header is to be `header`; b"" where there is nothing to seal.

    `domain`: whose key seals. `assessed`: the value of our own Authentication-Results on the message, see
    `our_results`.
    `come`: the header as it came, if that has changed since.
    """
    key = keys.arc_key(domain_key(domain) or "")
    if key is None:
        return b""
    if not assessed:
        return b""  # it has not been checked: there is nothing to say
    before = draft.facts.header
    if not before.endswith(b"\r\n\r\n") and len(before) != draft.size and before != b"\r\n":
        return b""  # the header is longer than what is read as one
    chain = find_sets(HeaderFields(header if come is None else come))
    status = _status(assessed, chain)
    if status is None:
        return b""
    fields = HeaderFields(header)
    try:
        return seal(fields, chain, status, assessed, await _body_hash(draft, len(before)), key, now=clock.now())
    except ValueError as error:
        _log.warning("%s: not sealed: %s", domain, error)
        return b""


def our_results(header: bytes) -> bytes:
    """Of a message that has been in the queue: what intake found, and put above all else; b"" where it was not checked.

    Nobody else can have written it, as what strangers bring stands below the Received field.
    """
    first = next(iter_fields(header), None)
    return first.value if first is not None and first.name.lower() == _RESULTS else b""


def _status(assessed: bytes, chain: Chain) -> ArcResult | None:
    """What we had found of the chain; None: not to be told, as the DNS did not answer or it was not looked at."""
    found = parse(assessed).only("arc")
    if found is None:
        return None if chain.highest or chain.problem else ArcResult.NONE
    if found.result not in ("pass", "fail") or found.value("policy", "arc") == "temperror":
        return None  # what the DNS did not tell is no reason to break a chain for good (RFC 8617 §5.2.1)
    return ArcResult(found.result)


async def _body_hash(draft: Draft, start: int) -> bytes:
    hasher = BodyHasher(Canonicalization.RELAXED)
    for at in range(start, draft.size, _PIECE_OCTETS):
        hasher.update(draft.spool.read(at, at + _PIECE_OCTETS))
        await asyncio.sleep(0)  # it may be long, and others have their turns
    digest = hasher.digest()
    assert digest is not None  # that is for an l= that is longer than the body
    return digest
