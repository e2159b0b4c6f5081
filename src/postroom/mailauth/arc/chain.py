"""The ARC fields of a header, put together to sets and sets to a chain (RFC 8617 §4, §5.2 steps 1 to 3).

Owns: the tags of ARC-Message-Signature and ARC-Seal, which fields belong to which set, whether the sets are a chain.
Never: verifies anything. Raises: BadSignature from the readers of one field; `find_sets` puts it into `Chain.problem`.
"""

import re
from dataclasses import dataclass

from postroom.mailauth.dkim.canonical import Canonicalization
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.key import record_name
from postroom.mailauth.dkim.signature import (
    BadSignature,
    read_algorithm,
    read_body_hash,
    read_canonicalization,
    read_domain,
    read_number,
    read_selector,
)
from postroom.mailauth.dkim.tags import BadTags, read_base64, read_list, read_tags
from postroom.mailauth.results.reading import read_instance

from .types import DEFAULT_LIMITS, MAX_INSTANCE, ArcLimits

RESULTS, SIGNATURE, SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
_SHOWN = {
    RESULTS: "ARC-Authentication-Results",
    SIGNATURE: "ARC-Message-Signature",
    SEAL: "ARC-Seal",
}
_INSTANCE = re.compile(rb"[1-9][0-9]?")
_STATUSES = (b"none", b"pass", b"fail")


@dataclass(frozen=True, slots=True)
class ArcField:
    """One of the three fields of a set."""

    field: bytes  # whole, folded, without the line end after it
    place: int  # in HeaderFields
    instance: int
    tags: dict[str, bytes]  # none in ARC-Authentication-Results

    @property
    def value(self) -> bytes:
        return self.field.partition(b":")[2]


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """The tags of an ARC-Message-Signature (RFC 8617 §4.1.2): DKIM's without v=, and with another i=."""

    algorithm: str
    value: bytes  # b=
    body_hash: bytes
    domain: str  # d= in A-labels and lower case
    selector: str
    names: tuple[bytes, ...]  # h= in lower case
    header_canonicalization: Canonicalization
    body_canonicalization: Canonicalization
    length: int | None  # l=
    expires: int | None  # x=, Unix seconds

    @property
    def key_name(self) -> str:
        return record_name(self.selector, self.domain)


@dataclass(frozen=True, slots=True)
class Seal:
    """The tags of an ARC-Seal (RFC 8617 §4.1.3)."""

    algorithm: str
    value: bytes  # b=
    domain: str
    selector: str

    @property
    def key_name(self) -> str:
        return record_name(self.selector, self.domain)


@dataclass(frozen=True, slots=True)
class ArcSet:
    """RFC 8617 §4.2."""

    results: ArcField
    signature: ArcField
    seal: ArcField

    @property
    def instance(self) -> int:
        return self.seal.instance

    @property
    def status(self) -> bytes:
        """cv= of the seal, b"" when it has none."""
        return self.seal.tags.get("cv", b"")


@dataclass(frozen=True, slots=True)
class Chain:
    """The ARC fields of a message.

    Without `sets` and `problem` there are none. With a problem they are no chain, and `sets` is empty.
    """

    sets: tuple[ArcSet, ...] = ()  # by their instances, from 1 on
    problem: str = ""
    highest: int = 0  # the highest instance that was found, in a field of any kind
    closed: bool = False  # the newest seal has cv=fail: nothing may be added (RFC 8617 §5.1)
    signatures: tuple[MessageSignature, ...] = ()  # those that will be verified, for BodyHashes.for_signatures


def find_sets(header: HeaderFields, limits: ArcLimits = DEFAULT_LIMITS) -> Chain:
    """RFC 8617 §5.2, steps 1 to 3."""
    if header.octets > limits.max_header_octets:
        if not any(header.mentions(name) for name in _SHOWN):
            return Chain()
        # Which instances it has is not known, so none can be added.
        return Chain(problem=f"the header has {header.octets} octets, too many to verify", closed=True)
    problems: list[str] = []
    kinds = [_fields(header, name, problems, limits) for name in (RESULTS, SIGNATURE, SEAL)]
    if not problems and not any(kinds):
        return Chain()
    highest = max((instance for kind in kinds for instance in kind), default=0)
    if any(header.count(name) > MAX_INSTANCE for name in _SHOWN):
        highest = MAX_INSTANCE  # at least
    newest = max(kinds[2], default=0)
    closed = newest > 0 and kinds[2][newest].tags.get("cv") == b"fail"
    sets = tuple(
        ArcSet(*(kind[instance] for kind in kinds))
        for instance in range(1, highest + 1)
        if all(instance in kind for kind in kinds)
    )
    if not problems and len(sets) != highest:
        problems += [
            f"instance {instance} has no {_SHOWN[name]}"
            for instance in range(1, highest + 1)
            for name, kind in zip((RESULTS, SIGNATURE, SEAL), kinds, strict=True)
            if instance not in kind
        ]
    problem = next(iter(problems), "") or _status_problem(sets)
    if problem:
        return Chain(problem=problem, highest=highest, closed=closed)
    return Chain(sets, highest=highest, signatures=_signatures(sets, limits))


def _fields(header: HeaderFields, name: bytes, problems: list[str], limits: ArcLimits) -> dict[int, ArcField]:
    """The fields of one kind by instance; what is wrong with the others is added to `problems`."""
    places = header.places(name)
    if len(places) > MAX_INSTANCE:
        problems.append(f"{len(places)} {_SHOWN[name]} fields, more than {MAX_INSTANCE}")  # RFC 8617 §5.2, step 1
    found: dict[int, ArcField] = {}
    for place in places[:MAX_INSTANCE]:
        try:
            one = _read(header.field(place), place, name, limits)
        except BadSignature as bad:
            problems.append(f"{_SHOWN[name]}: {bad}")
            continue
        if one.instance in found:
            problems.append(f"two {_SHOWN[name]} fields of instance {one.instance}")  # RFC 8617 §4.2.1
        found[one.instance] = one
    return found


def _read(field: bytes, place: int, name: bytes, limits: ArcLimits) -> ArcField:
    """A field, its instance read (RFC 8617 §4.2.1). Raises BadSignature."""
    if len(field) > limits.max_field_octets:
        raise BadSignature(f"{len(field)} octets are too many")
    value = field.partition(b":")[2]
    if name == RESULTS:
        instance, tags = read_instance(value), {}
    else:
        try:
            tags = read_tags(value)
        except BadTags as error:
            raise BadSignature(f"malformed: {error}") from error
        text = tags.get("i", b"")
        instance = int(text) if _INSTANCE.fullmatch(text) else 0
    if not 1 <= instance <= MAX_INSTANCE:
        raise BadSignature(f"no instance from 1 to {MAX_INSTANCE}")
    return ArcField(field, place, instance, tags)


def _status_problem(sets: tuple[ArcSet, ...]) -> str:
    """RFC 8617 §5.2, step 2 and step 3 C: what cv= has to be."""
    for one in reversed(sets):
        wanted = b"none" if one.instance == 1 else b"pass"
        if one.status == b"fail":
            return f"the seal of instance {one.instance} says that the chain had failed"
        if one.status != wanted:
            shown = one.status[:20].decode("ascii", "backslashreplace")
            return f"the seal of instance {one.instance} has cv={shown}, not cv={wanted.decode('ascii')}"
    return ""


def _signatures(sets: tuple[ArcSet, ...], limits: ArcLimits) -> tuple[MessageSignature, ...]:
    found: list[MessageSignature] = []
    for one in tried(sets, limits):
        try:
            found.append(read_signature(one.signature, limits))
        except BadSignature:
            break  # the verdict will say so
    return tuple(found)


def tried(sets: tuple[ArcSet, ...], limits: ArcLimits) -> tuple[ArcSet, ...]:
    """Those whose ARC-Message-Signature is verified, newest first."""
    return sets[::-1][: limits.max_older_signatures + 1]


def read_signature(field: ArcField, limits: ArcLimits = DEFAULT_LIMITS) -> MessageSignature:
    """The tags of an ARC-Message-Signature. Raises BadSignature.

    v= is ignored (RFC 8617 §4.1.2). From need not be in h=, other than in DKIM: `ArcVerdict.covers_author` tells of it.
    """
    tags = field.tags
    _require(tags, ("a", "b", "bh", "d", "h", "s"))
    names = tuple(read_list(tags["h"].lower()))
    if len(names) > limits.max_signed_names:
        raise BadSignature(f"h= has more than {limits.max_signed_names} names")
    if SEAL in names:
        raise BadSignature("h= has ARC-Seal in it")  # RFC 8617 §4.1.2
    # Without c=, others who seal and validate take it for relaxed, unlike DKIM's (RFC 6376 §3.5); so does their suite.
    header_form, body_form = read_canonicalization(tags.get("c", b"relaxed/relaxed"))
    read_number(tags, "t")
    domain = read_domain(tags["d"])
    return MessageSignature(
        algorithm=read_algorithm(tags["a"]),
        value=_base64(tags, "b"),
        body_hash=read_body_hash(tags),
        domain=domain,
        selector=read_selector(tags["s"], domain),
        names=names,
        header_canonicalization=header_form,
        body_canonicalization=body_form,
        length=read_number(tags, "l"),
        expires=read_number(tags, "x"),
    )


def read_seal(field: ArcField) -> Seal:
    """The tags of an ARC-Seal. Raises BadSignature."""
    tags = field.tags
    _require(tags, ("a", "b", "cv", "d", "s"))
    if "h" in tags:
        raise BadSignature("it has h=")  # RFC 8617 §4.1.3
    if tags["cv"] not in _STATUSES:
        raise BadSignature("cv= is none of the three words")
    read_number(tags, "t")
    domain = read_domain(tags["d"])
    return Seal(
        algorithm=read_algorithm(tags["a"]),
        value=_base64(tags, "b"),
        domain=domain,
        selector=read_selector(tags["s"], domain),
    )


def _require(tags: dict[str, bytes], names: tuple[str, ...]) -> None:
    if missing := [name for name in names if name not in tags]:
        raise BadSignature(f"{', '.join(name + '=' for name in missing)} missing")


def _base64(tags: dict[str, bytes], name: str) -> bytes:
    try:
        return read_base64(tags[name])
    except BadTags as error:
        raise BadSignature(f"{name}= is {error}") from error
