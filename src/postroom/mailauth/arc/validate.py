"""Validating a chain (RFC 8617 §5.2).

Owns: what each signature of a chain signs, and the order in which they are tried. Never: asks the DNS itself, trusts
anybody. Raises: nothing; everything that is wrong is a verdict.

    chain = find_sets(header)
    hashes = BodyHashes.for_signatures([*dkim_signatures, *chain.signatures])   # update(piece) for the body
    verdict = conclude(validate(header, chain, hashes, now=now), answer)

A chain costs no more than `max_questions` questions, and MAX_INSTANCE + 1 + `max_older_signatures` uses of keys.
"""

import hashlib
from collections.abc import Iterable

from postroom.mailauth.dkim.canonical import Canonicalization, canonical_field
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.key import BadKey, KeyRecord, read_key
from postroom.mailauth.dkim.signature import ALGORITHMS, BadSignature, signed_form
from postroom.mailauth.dkim.verify import BodyHashes
from postroom.mailauth.questions import Inquiry, Question, Reply

from .chain import ArcField, ArcSet, Chain, MessageSignature, read_seal, read_signature, tried
from .types import DEFAULT_LIMITS, ArcLimits, ArcResult, ArcVerdict

_MAX_RECORDS = 4  # at one name, that are looked at; the first that is a key counts
_RELAXED = Canonicalization.RELAXED


class _Broken(Exception):
    """The chain does not hold; the text says why."""

    def __init__(self, words: str, *, temporary: bool = False) -> None:
        super().__init__(words)
        self.temporary = temporary


def validate(
    header: HeaderFields, chain: Chain, hashes: BodyHashes, *, now: float, limits: ArcLimits = DEFAULT_LIMITS
) -> Inquiry[ArcVerdict]:
    """The verdict on the chain that `find_sets` found with the same limits. `now`: when the message came, Unix seconds.

    The DNS is asked once for each key, no more than `max_questions` times.
    """
    if chain.problem:
        return ArcVerdict(ArcResult.FAIL, chain.problem)
    if not chain.sets:
        return ArcVerdict(ArcResult.NONE, "there are no ARC fields")
    keys = _Keys(limits)
    try:
        newest = yield from _check_signature(header, chain.sets[-1], hashes, keys, now, limits)
        sealers = yield from _check_seals(chain.sets, keys)
    except _Broken as broken:
        return ArcVerdict(ArcResult.FAIL, str(broken), temporary=broken.temporary)
    # Step 5 comes last: it does not change the status, and is not worth its cost where that is fail.
    oldest = yield from _oldest_pass(header, chain.sets, hashes, keys, now, limits)
    return ArcVerdict(
        ArcResult.PASS,
        f"sealed by {', '.join(sealers)}",
        sealers=sealers,
        assessments=tuple(one.results.value for one in reversed(chain.sets)),
        oldest_pass=oldest,
        covers_author=0 < header.count(b"from") <= newest.names.count(b"from"),
    )


def newest_holds(
    header: HeaderFields, chain: Chain, hashes: BodyHashes, *, now: float, limits: ArcLimits = DEFAULT_LIMITS
) -> Inquiry[bool]:
    """Whether both signatures of the newest set are true, whatever those below are: for who has added it."""
    if not chain.sets:
        return False
    keys = _Keys(limits)
    try:
        yield from _check_signature(header, chain.sets[-1], hashes, keys, now, limits)
        yield from _check_seal(chain.sets[-1], seal_digests(chain.sets)[-1], keys)
    except _Broken:
        return False
    return True


def _oldest_pass(
    header: HeaderFields, sets: tuple[ArcSet, ...], hashes: BodyHashes, keys: "_Keys", now: float, limits: ArcLimits
) -> Inquiry[int]:
    """RFC 8617 §5.2, step 5; of a chain that is longer than we try, the oldest that was tried."""
    oldest = sets[-1].instance
    for one in tried(sets, limits)[1:]:
        try:
            yield from _check_signature(header, one, hashes, keys, now, limits)
        except _Broken:
            return oldest
        oldest = one.instance
    return 0 if oldest == 1 else oldest


def _check_signature(
    header: HeaderFields, one: ArcSet, hashes: BodyHashes, keys: "_Keys", now: float, limits: ArcLimits
) -> Inquiry[MessageSignature]:
    """RFC 8617 §5.2, step 4. Raises _Broken."""
    about = f"the signature of instance {one.instance}"
    try:
        signature = read_signature(one.signature, limits)
    except BadSignature as bad:
        raise _Broken(f"{about}: {bad}") from bad
    if signature.expires is not None and signature.expires < now - limits.clock_skew_seconds:
        raise _Broken(f"{about} has expired (x=)")
    body = hashes.digest(signature.body_canonicalization, signature.length)
    if body != signature.body_hash:
        raise _Broken(f"{about}: the body is not what was signed")
    if unsigned := hashes.unsigned_octets(signature):
        raise _Broken(f"{about} does not cover the last {unsigned} octets of the body (l=)")  # RFC 6376 §8.2
    if header.count(b"from") > max(signature.names.count(b"from"), 1):
        raise _Broken(f"{about} does not cover all From fields")  # RFC 6376 §8.15
    key = yield from keys.find(signature.key_name, signature.algorithm, about)
    if not key.verifies(signature.value, signature_digest(header, one.signature, signature)):
        raise _Broken(f"{about}: the header is not what was signed, or not with this key")
    return signature


def _check_seals(sets: tuple[ArcSet, ...], keys: "_Keys") -> Inquiry[tuple[str, ...]]:
    """RFC 8617 §5.2, step 6: the domains, newest first. Raises _Broken."""
    domains: list[str] = []
    digests = seal_digests(sets)
    for one in reversed(sets):
        domains.append((yield from _check_seal(one, digests[one.instance - 1], keys)))
    return tuple(domains)


def _check_seal(one: ArcSet, digest: bytes, keys: "_Keys") -> Inquiry[str]:
    """Its domain. Raises _Broken."""
    about = f"the seal of instance {one.instance}"
    try:
        seal = read_seal(one.seal)
    except BadSignature as bad:
        raise _Broken(f"{about}: {bad}") from bad
    key = yield from keys.find(seal.key_name, seal.algorithm, about)
    if not key.verifies(seal.value, digest):
        raise _Broken(f"{about} is not of this chain, or not of this key")
    return seal.domain


def signature_digest(header: HeaderFields, field: ArcField, signature: MessageSignature) -> bytes:
    """What an ARC-Message-Signature signs (RFC 6376 §3.7)."""
    form = signature.header_canonicalization
    chosen = header.choose(signature.names, form, without=field.place)
    return hashlib.sha256(chosen + signed_form(field.field, form)).digest()


def seal_digests(sets: Iterable[ArcSet]) -> list[bytes]:
    """What each of their seals signs: the fields of all sets up to its own, in order (RFC 8617 §5.1.1)."""
    above = hashlib.sha256()
    digests: list[bytes] = []
    for one in sets:
        above.update(_canonical(one.results) + _canonical(one.signature))
        own = above.copy()
        own.update(signed_form(one.seal.field, _RELAXED))
        digests.append(own.digest())
        above.update(_canonical(one.seal))
    return digests


def _canonical(field: ArcField) -> bytes:
    return canonical_field(field.field, _RELAXED) + b"\r\n"


class _Keys:
    """The keys of one chain, each asked for once."""

    def __init__(self, limits: ArcLimits) -> None:
        self._limit = limits.max_questions
        self._replies: dict[str, Reply] = {}

    def find(self, name: str, algorithm: str, about: str) -> Inquiry[KeyRecord]:
        """The first key there that is for this algorithm. Raises _Broken."""
        reply = self._replies.get(name)
        if reply is None:
            if len(self._replies) >= self._limit:
                raise _Broken(f"the chain needs more than {self._limit} keys")
            reply = self._replies[name] = yield Question("TXT", name)
        if reply.failed:
            raise _Broken(f"{about}: the key at {name} is not to be had now: {reply.failed}", temporary=True)
        problem = f"there is no key at {name}"
        for record in reply.texts[:_MAX_RECORDS]:
            try:
                key = read_key(record)
            except BadKey as bad:
                problem = f"{bad} ({name})"
                continue
            if key.algorithm == ALGORITHMS[algorithm.encode("ascii")]:
                return key
            problem = f"the key at {name} is for {key.algorithm}, not for {algorithm}"
        raise _Broken(f"{about}: {problem}")
