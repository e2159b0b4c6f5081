"""Verifying the signatures of a message (RFC 6376 §6.1).

Owns: the steps from a signature to its verdict, and the hashes of the body that they need. Never: waits for the DNS,
decides what becomes of the message. Raises: nothing.

    header = HeaderFields(octets)
    signatures = find_signatures(header)
    hashes = BodyHashes.for_signatures(signatures)   # hashes.update(piece) for the pieces of the body
    verdicts = conclude(verify(header, signatures, hashes, now=now), answer)
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Protocol, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from postroom.mailauth.questions import Inquiry, Question, Reply

from .canonical import BodyHasher, Canonicalization
from .fields import HeaderFields
from .key import BadKey, KeyRecord, read_key
from .signature import BadSignature, Signature, tell_apart
from .types import DEFAULT_LIMITS, DkimLimits, DkimResult, DkimVerdict


class _Hashed(Protocol):
    """What a signature, DKIM's or ARC's, wants to know of the body."""

    @property
    def body_canonicalization(self) -> Canonicalization: ...
    @property
    def length(self) -> int | None: ...


class BodyHashes:
    """All hashes of one body: each canonical form is made once, whatever the number of signatures."""

    def __init__(self, wanted: Iterable[tuple[Canonicalization, int | None]]) -> None:
        lengths: dict[Canonicalization, set[int | None]] = {}
        for canonicalization, length in wanted:
            lengths.setdefault(canonicalization, set()).add(length)
        self._hashers = {form: BodyHasher(form, some) for form, some in lengths.items()}

    @classmethod
    def for_signatures(cls, signatures: Iterable[_Hashed | BadSignature]) -> Self:
        good = [one for one in signatures if not isinstance(one, BadSignature)]
        return cls((one.body_canonicalization, one.length) for one in good)

    def update(self, piece: bytes) -> None:
        """The next octets of the body, as many as there are."""
        for hasher in self._hashers.values():
            hasher.update(piece)

    def digest(self, canonicalization: Canonicalization, length: int | None = None) -> bytes | None:
        """Ends the body. None: it is shorter than `length`."""
        return self._hashers[canonicalization].digest(length)

    def unsigned_octets(self, signature: _Hashed) -> int:
        """Ends the body. What of its canonical form l= leaves uncovered."""
        hasher = self._hashers[signature.body_canonicalization]
        hasher.end()
        return 0 if signature.length is None else max(hasher.length - signature.length, 0)


def verify(
    header: HeaderFields,
    signatures: Sequence[Signature | BadSignature],
    hashes: BodyHashes,
    *,
    now: float,
    limits: DkimLimits = DEFAULT_LIMITS,
) -> Inquiry[list[DkimVerdict]]:
    """A verdict for each of `find_signatures`, in their order. The DNS is asked once for each key.

    `now`: when the message came, Unix seconds. No signature: no verdict (that is DkimResult.NONE).
    """
    replies: dict[str, Reply] = {}
    verdicts = []
    for signature, begin in zip(signatures, tell_apart(signatures), strict=True):
        if isinstance(signature, Signature):
            name = signature.key_name
            if name not in replies and not is_untimely(signature, now, limits):
                replies[name] = yield Question("TXT", name)
            verdict = judge(header, signature, hashes, replies.get(name, Reply()), now=now, limits=limits)
        else:
            verdict = DkimVerdict(
                signature.result,
                signature.words,
                signature.domain,
                signature.selector,
                signature.algorithm,
                header_b=signature.header_b,
            )
        verdicts.append(verdict if verdict.header_b == begin else replace(verdict, header_b=begin))
    return verdicts


def is_untimely(signature: Signature, now: float, limits: DkimLimits = DEFAULT_LIMITS) -> DkimVerdict | None:
    """The verdict when it is too early or too late for this signature (RFC 6376 §3.5, t= and x=), else None."""
    skew = limits.clock_skew_seconds
    if signature.expires is not None and signature.expires < now - skew:
        return _verdict(signature, DkimResult.FAIL, f"expired {int(now) - signature.expires} seconds ago (x=)")
    if signature.signed_at is not None and signature.signed_at > now + skew:
        return _verdict(signature, DkimResult.POLICY, "signed in the future (t=), by our clock")
    return None


def judge(
    header: HeaderFields,
    signature: Signature,
    hashes: BodyHashes,
    reply: Reply,
    *,
    now: float,
    limits: DkimLimits = DEFAULT_LIMITS,
) -> DkimVerdict:
    """The verdict on one signature, by the answer to the TXT question for its `key_name`: RFC 6376 §6.1.2, §6.1.3."""
    if (untimely := is_untimely(signature, now, limits)) is not None:
        return untimely
    if reply.failed:
        words = f"the key at {signature.key_name} is not to be had now: {reply.failed}"
        return _verdict(signature, DkimResult.TEMPERROR, words)
    records = reply.texts
    if not records:
        return _verdict(signature, DkimResult.PERMERROR, f"there is no key at {signature.key_name}")
    verdict = DkimVerdict(DkimResult.PERMERROR, "")
    digest = cache(partial(header_digest, header, signature))  # the same for every key
    for number, record in enumerate(records[: limits.max_keys]):
        try:
            key = read_key(record)
        except BadKey as bad:
            result = DkimResult.POLICY if bad.refused else DkimResult.PERMERROR
            found = replace(_verdict(signature, result, f"{bad} ({signature.key_name})"), record=record)
        else:
            found = _try(header, digest, signature, hashes, key, record, limits)
        if found.result is DkimResult.PASS:
            return found
        # Of several records the one that comes nearest to a key is told of: a wildcard may have added others.
        if number == 0 or (found.result is not DkimResult.PERMERROR and verdict.result is DkimResult.PERMERROR):
            verdict = found
    return verdict


def _try(
    header: HeaderFields,
    digest: Callable[[], bytes],
    signature: Signature,
    hashes: BodyHashes,
    key: KeyRecord,
    record: bytes,
    limits: DkimLimits,
) -> DkimVerdict:
    bits = key.public.key_size if isinstance(key.public, RSAPublicKey) else 256
    result, words, unsigned = _compare(header, digest, signature, hashes, key, limits)
    return _verdict(
        signature, result, words, key_bits=bits, unsigned_octets=unsigned, testing=key.testing, record=record
    )


def _compare(
    header: HeaderFields,
    digest: Callable[[], bytes],
    signature: Signature,
    hashes: BodyHashes,
    key: KeyRecord,
    limits: DkimLimits,
) -> tuple[DkimResult, str, int]:
    """RFC 6376 §6.1.2 step 8, §6.1.3; result, words, octets behind l=."""
    if key.algorithm != signature.key_type:
        words = f"the key at {signature.key_name} is for {key.algorithm}, the signature is {signature.algorithm}"
        return DkimResult.PERMERROR, words, 0
    if key.strict_identity and signature.identity_domain != signature.domain:
        words = f"its key allows no sub-domains (t=s), but i={signature.identity}"
        return DkimResult.PERMERROR, words, 0
    body = hashes.digest(signature.body_canonicalization, signature.length)
    unsigned = hashes.unsigned_octets(signature)
    if body is None:
        return DkimResult.FAIL, f"the body is shorter than what was signed (l={signature.length})", 0
    if body != signature.body_hash:
        return DkimResult.FAIL, "the body is not what was signed", unsigned
    if not key.verifies(signature.value, digest()):
        return DkimResult.FAIL, "the header is not what was signed, or not with this key", unsigned
    if (uncovered := header.count(b"from") - signature.names.count(b"from")) > 0:
        # RFC 6376 §8.15: who shows the message may show the other one
        return DkimResult.POLICY, f"{uncovered} of the From fields it does not cover", unsigned
    if unsigned and not limits.appended_passes:
        return DkimResult.POLICY, f"it covers all but the last {unsigned} octets of the body (l=)", unsigned
    words = f"signed by {signature.domain}"
    if unsigned:
        words += f", but for the last {unsigned} octets of the body (l=)"
    return DkimResult.PASS, words, unsigned


def header_digest(header: HeaderFields, signature: Signature) -> bytes:
    """The hash that the signature signs (RFC 6376 §3.7, step 2)."""
    chosen = header.choose(signature.names, signature.header_canonicalization, without=signature.place)
    return hashlib.sha256(chosen + signature.signed_form()).digest()


def _verdict(
    signature: Signature,
    result: DkimResult,
    words: str,
    *,
    key_bits: int = 0,
    unsigned_octets: int = 0,
    testing: bool = False,
    record: bytes = b"",
) -> DkimVerdict:
    return DkimVerdict(
        result,
        words,
        domain=signature.domain,
        selector=signature.selector,
        algorithm=signature.algorithm,
        identity=signature.identity,
        header_b=signature.header_b,
        testing=testing,
        unsigned_octets=unsigned_octets,
        key_bits=key_bits,
        signed_names=tuple([name.decode("ascii") for name in signature.names]),
        record=record,
    )
