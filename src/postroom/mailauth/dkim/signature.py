"""DKIM-Signature fields: reading them (RFC 6376 §3.5, §6.1.1).

Owns: the meaning of each tag, what makes a field unusable, which fields of a header are tried. Never: asks for keys,
computes hashes. Raises: BadSignature from `read_signature`; `find_signatures` gives it back as a value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from postroom.mailauth.domains import MAX_NAME, domain_name, is_within

from .canonical import Canonicalization, canonical_field
from .fields import HeaderFields
from .key import record_name
from .tags import BadTags, read_base64, read_list, read_tags, without_space, without_value
from .types import DEFAULT_LIMITS, DkimLimits, DkimResult

REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")  # RFC 6376 §6.1.1
ALGORITHMS = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}  # with the k= of their keys
_NAME = b"dkim-signature"
_HEADER_B_CHARACTERS = 8  # RFC 6008 §4
_DIGEST_OCTETS = 32
_FIELD_NAME = re.compile(rb"[!-9;-~]+")
_NUMBER = re.compile(rb"[0-9]{1,76}")
_HEX = re.compile(rb"=([0-9A-F]{2})")


class BadSignature(ValueError):
    """The field is no signature that can be verified; the text says why. What could be read of it is told."""

    def __init__(self, words: str, result: DkimResult = DkimResult.PERMERROR) -> None:
        super().__init__(words)
        self.result = result
        self.domain = self.selector = self.algorithm = self.header_b = ""

    @property
    def words(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Signature:
    """A field that is well-formed; whether it is true, verify.py finds out."""

    field: bytes  # whole, folded, without the line end after it
    place: int  # in HeaderFields
    algorithm: str  # a=
    value: bytes  # b=
    body_hash: bytes
    domain: str  # d= in A-labels and lower case
    selector: str
    names: tuple[bytes, ...]  # h= in lower case
    identity: str  # i=
    identity_domain: str
    header_canonicalization: Canonicalization
    body_canonicalization: Canonicalization
    length: int | None  # l=
    signed_at: int | None  # t=, Unix seconds
    expires: int | None  # x=
    header_b: str

    @property
    def key_name(self) -> str:
        """Where its key record is."""
        return record_name(self.selector, self.domain)

    @property
    def key_type(self) -> str:
        """The k= its key has to have."""
        return ALGORITHMS[self.algorithm.encode("ascii")]

    def signed_form(self) -> bytes:
        """The field itself as it is put to the hash (RFC 6376 §3.7): canonical, b= empty, without a CRLF."""
        return signed_form(self.field, self.header_canonicalization)


def signed_form(field: bytes, canonicalization: Canonicalization) -> bytes:
    """RFC 6376 §3.7, step 2 of the second hash; for ARC's seals too."""
    name, colon, value = field.partition(b":")
    return canonical_field(name + colon + without_value(value, b"b"), canonicalization)


def find_signatures(header: HeaderFields, limits: DkimLimits = DEFAULT_LIMITS) -> list[Signature | BadSignature]:
    """The signatures of a message in their order; at most `max_signatures`, and one BadSignature for all the others."""
    if header.octets > limits.max_header_octets:
        if not header.mentions(_NAME):
            return []
        return [BadSignature(f"the header has {header.octets} octets, too many to verify", DkimResult.POLICY)]
    places = header.places(_NAME)
    found: list[Signature | BadSignature] = []
    for place in places[: limits.max_signatures]:
        try:
            found.append(read_signature(header.field(place), place, limits))
        except BadSignature as bad:
            found.append(bad)
    if (more := len(places) - limits.max_signatures) > 0:
        words = f"{more} more signatures are not tried: the limit is {limits.max_signatures}"
        found.append(BadSignature(words, DkimResult.POLICY))
    return found


def read_signature(field: bytes, place: int = -1, limits: DkimLimits = DEFAULT_LIMITS) -> Signature:
    """One whole field, without the line end after it. Raises BadSignature."""
    if len(field) > limits.max_signature_octets:
        raise BadSignature(f"a signature of {len(field)} octets is too large", DkimResult.POLICY)
    try:
        tags = read_tags(field.partition(b":")[2])
    except BadTags as error:
        raise BadSignature(f"malformed: {error}") from error
    try:
        return _read(tags, field, place, limits)
    except BadSignature as bad:
        bad.domain, bad.selector, bad.algorithm = (_shown(tags.get(name, b"")) for name in ("d", "s", "a"))
        bad.header_b = header_b(tags.get("b", b""))
        raise


def _read(tags: dict[str, bytes], field: bytes, place: int, limits: DkimLimits) -> Signature:
    if missing := [name for name in REQUIRED if name not in tags]:
        raise BadSignature(f"{', '.join(name + '=' for name in missing)} missing")
    if tags["v"] != b"1":
        raise BadSignature(f"version {_shown(tags['v'])!r} is not known")
    algorithm = read_algorithm(tags["a"])
    domain = read_domain(tags["d"])
    identity, identity_domain = _identity(tags, domain)
    header_form, body_form = read_canonicalization(tags.get("c"))
    signed_at, expires = read_number(tags, "t"), read_number(tags, "x")
    if signed_at is not None and expires is not None and expires <= signed_at:
        raise BadSignature("it expires (x=) before it was made (t=)")  # RFC 6376 §3.5, x=
    if b"dns/txt" not in read_list(tags.get("q", b"dns/txt")):
        raise BadSignature(f"its key is not to be had from the DNS: q={_shown(tags['q'])}")
    return Signature(
        field=field,
        place=place,
        algorithm=algorithm,
        value=_base64(tags, "b"),
        body_hash=read_body_hash(tags),
        domain=domain,
        selector=read_selector(tags["s"], domain),
        names=read_names(tags["h"], limits),
        identity=identity,
        identity_domain=identity_domain,
        header_canonicalization=header_form,
        body_canonicalization=body_form,
        length=read_number(tags, "l"),
        signed_at=signed_at,
        expires=expires,
        header_b=header_b(tags["b"]),
    )


def read_algorithm(value: bytes) -> str:
    """a= (RFC 8301 §3.1, RFC 8463 §4.1). Raises BadSignature."""
    if value == b"rsa-sha1":
        raise BadSignature("rsa-sha1 may not be used any more (RFC 8301)")
    if value not in ALGORITHMS:
        raise BadSignature(f"algorithm {_shown(value)!r} is not known", DkimResult.NEUTRAL)
    return value.decode("ascii")


def read_domain(value: bytes) -> str:
    """d= in lower case and A-labels (RFC 8616 §5): two labels at least (RFC 6376 §3.5). Raises BadSignature."""
    name = _a_labels(value)
    if not name:
        raise BadSignature(f"d={_shown(value)} is not a domain name")
    return name


def read_selector(value: bytes, domain: str) -> str:
    """s= in lower case and A-labels, fit to stand before that domain (RFC 6376 §3.1). Raises BadSignature."""
    # Underscores are no part of RFC 5321's sub-domain, but of selectors that are in use; domain_name lets them pass.
    end = "." + domain
    name = _a_labels(value + end.encode("ascii"))
    if not name.endswith(end) or len(record_name(name[: -len(end)], domain)) > MAX_NAME:
        raise BadSignature(f"s={_shown(value)} is not a selector")
    return name[: -len(end)]


def read_canonicalization(value: bytes | None) -> tuple[Canonicalization, Canonicalization]:
    """c= for header and body (RFC 6376 §3.5). Raises BadSignature."""
    header, _, body = (b"simple" if value is None else value).partition(b"/")
    try:
        header_form = Canonicalization(header.decode("ascii"))
        return header_form, Canonicalization(body.decode("ascii")) if _ else Canonicalization.SIMPLE
    except ValueError as error:
        words = f"canonicalization {_shown(value or b'')!r} is not known"
        raise BadSignature(words, DkimResult.NEUTRAL) from error


def read_names(value: bytes, limits: DkimLimits = DEFAULT_LIMITS) -> tuple[bytes, ...]:
    """h= in lower case. Raises BadSignature, also when From is not among them (RFC 6376 §6.1.1)."""
    names = tuple(read_list(value.lower()))
    if not all(map(_FIELD_NAME.fullmatch, names)):
        raise BadSignature("h= is not a list of field names")
    if len(names) > limits.max_signed_names:
        raise BadSignature(f"h= has more than {limits.max_signed_names} names", DkimResult.POLICY)
    if b"from" not in names:
        raise BadSignature("From is not signed")
    return names


def read_number(tags: dict[str, bytes], name: str) -> int | None:
    """l=, t= or x=; None: there is none. Raises BadSignature."""
    if name not in tags:
        return None
    if not _NUMBER.fullmatch(tags[name]):
        raise BadSignature(f"{name}={_shown(tags[name])} is not a number")
    return int(tags[name])


def read_body_hash(tags: dict[str, bytes]) -> bytes:
    """bh=: a SHA-256. Raises BadSignature."""
    octets = _base64(tags, "bh")
    if len(octets) != _DIGEST_OCTETS:
        raise BadSignature(f"bh= has {len(octets)} octets, a SHA-256 has {_DIGEST_OCTETS}")
    return octets


def header_b(value: bytes) -> str:
    """The first characters of b=, for header.b (RFC 6008 §4)."""
    return without_space(value)[:_HEADER_B_CHARACTERS].decode("ascii", "replace")


def tell_apart(signatures: Sequence[Signature | BadSignature]) -> list[str]:
    """A header.b for each: longer where the first characters are those of another's too (RFC 6008 §4)."""
    short = [one.header_b for one in signatures]
    told = []
    for one, begin in zip(signatures, short, strict=True):
        if begin and short.count(begin) > 1 and isinstance(one, Signature):
            begin = without_space(read_tags(one.field.partition(b":")[2])["b"]).decode("ascii")
        told.append(begin)
    return told


def _identity(tags: dict[str, bytes], domain: str) -> tuple[str, str]:
    """i= and its domain (RFC 6376 §3.5): dkim-quoted-printable, in the domain of d= or below."""
    if "i" not in tags:
        return "@" + domain, domain
    text = _HEX.sub(lambda found: bytes([int(found[1], 16)]), without_space(tags["i"]))
    _, at, host = text.rpartition(b"@")
    name = _a_labels(host) if at else ""
    if not name:
        raise BadSignature(f"i={_shown(text)} is not an address")
    if not is_within(name, domain):
        raise BadSignature(f"i={_shown(text)} is not in the domain of d={domain}")
    return text.decode("utf-8", "backslashreplace"), name


def _a_labels(value: bytes) -> str:
    """The name as `domain_name` has it; "": that is no name, or has a final dot."""
    try:
        return "" if value.endswith(b".") else domain_name(value.decode("utf-8"))
    except UnicodeError:
        return ""


def _base64(tags: dict[str, bytes], name: str) -> bytes:
    try:
        return read_base64(tags[name])
    except BadTags as error:
        raise BadSignature(f"{name}= is {error}") from error


def _shown(value: bytes) -> str:
    return value[:100].decode("ascii", "backslashreplace")
