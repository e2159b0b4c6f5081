"""Sealing: the three fields that a forwarder adds (RFC 8617 §5.1).

Owns: what is signed, how the fields are written. Never: keeps keys, changes the message, decides whether to seal.
Raises: ValueError for what cannot be sealed honestly.

What is sealed has to be what is sent: the header passed here has the DKIM-Signature of the forwarder in it already (RFC
8617 §5.1, step 1), and the body is hashed as it goes onto the wire.
"""

import base64
import re
from collections.abc import Sequence

from postroom.mailauth.dkim.canonical import Canonicalization
from postroom.mailauth.dkim.fields import HeaderFields
from postroom.mailauth.dkim.sign import MAX_INSTANCES, SigningKey, folded, in_lines, signed_names
from postroom.mailauth.results import claimed, field, parse

from .chain import RESULTS, SEAL, SIGNATURE, ArcField, ArcSet, Chain, MessageSignature
from .types import MAX_INSTANCE, ArcResult
from .validate import seal_digests, signature_digest

_FORM = Canonicalization.RELAXED
_ODD = re.compile(rb"\r(?!\n[ \t])|(?<!\r)\n|\x00")
_NONE = b";\r\n none\r\n"
# Authentication-Results are likely to be removed on the way, ARC's own fields have the seal (RFC 8617 §4.1.2).
NEVER_SIGNED = (b"authentication-results", RESULTS, SIGNATURE, SEAL)


def seal(
    header: HeaderFields,
    chain: Chain,
    status: ArcResult,
    assessed: bytes,
    body_hash: bytes,
    key: SigningKey,
    *,
    now: float,
    names: Sequence[bytes] | None = None,
) -> bytes:
    """ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, each with its CRLF: to stand before the header.

    `chain` and `status`: what `find_sets` and `validate` said of the message when it came. `assessed`: the value of the
    Authentication-Results field with all that we found then, see `combined`. `body_hash`: that of the relaxed form.
    `names`: those to sign, in lower case; None: as for DKIM, and the DKIM signatures there are. `now`: Unix seconds.

    b"" where no set may be added: behind a seal with cv=fail (RFC 8617 §5.1), above the highest instance (§4.2.1).
    Raises ValueError: the status is not that chain's, a name may not be signed, `assessed` is not one field's value.
    """
    if (status is ArcResult.NONE) != (not chain.highest and not chain.problem) or (
        status is ArcResult.PASS and not chain.sets
    ):
        raise ValueError(f"a chain of {chain.highest} sets cannot have the status {status.value}")
    if chain.closed or chain.highest >= MAX_INSTANCE:
        return b""
    instance = chain.highest + 1
    signed = _names(header) if names is None else list(names)
    if forbidden := [name for name in signed if name in NEVER_SIGNED]:
        raise ValueError(f"not to be signed: {forbidden[0].decode('ascii')}")
    results = _results_field(instance, assessed)
    signature = _signature_field(header, instance, signed, body_hash, key, now)
    # RFC 8617 §5.1.2: of a chain that failed, nothing but our own set is sealed.
    below = chain.sets if status is ArcResult.PASS else ()
    sealed = _seal_field(below, instance, results, signature, status, key, now)
    return b"".join(one + b"\r\n" for one in (sealed, signature, results))


def combined(authserv_id: str, values: Sequence[bytes]) -> bytes:
    """One Authentication-Results value of several that are ours (RFC 8617 §4.1.1); others and broken ones are left out.

    Comments stay. `values`: of the fields, in their order. "none" when nothing is left (RFC 8601 §2.2).
    """
    statements: list[bytes] = []
    for value in values:
        read = parse(value)
        if read.problem or not read.results or not claimed(value, [authserv_id]):
            continue
        head, _, rest = value.partition(b";")
        if parse(head).authserv_id != read.authserv_id:
            continue  # a semicolon in a comment, or in the id itself
        statements.append(rest.strip(b" \t\r\n;"))
    head = field(authserv_id, []).partition(b":")[2].removesuffix(_NONE).strip()
    return head + b";\r\n " + (b";\r\n ".join(statements) or b"none")


def _names(header: HeaderFields) -> list[bytes]:
    """RFC 8617 §4.1.2: DKIM signatures SHOULD be covered."""
    return signed_names(header) + [b"dkim-signature"] * min(header.count(b"dkim-signature"), MAX_INSTANCES)


def _results_field(instance: int, assessed: bytes) -> bytes:
    value = assessed.strip(b" \t\r\n")
    if _ODD.search(value) or not parse(value).authserv_id:
        raise ValueError("that is not the value of an Authentication-Results field")
    return b"ARC-Authentication-Results: i=%d; %b" % (instance, value)


def _signature_field(
    header: HeaderFields, instance: int, names: Sequence[bytes], body_hash: bytes, key: SigningKey, now: float
) -> bytes:
    """RFC 8617 §4.1.2."""
    first, *others = [name.decode("ascii") for name in names] or [""]
    signed = [f"h={first}", *(f":{name}" for name in others)]  # a line may end before a colon
    signed[-1] += ";"
    tokens = [
        f"i={instance};",
        f"a={key.algorithm};",
        "c=relaxed/relaxed;",
        f"d={key.domain};",
        f"s={key.selector};",
        f"t={int(now)};",
        *signed,
        f"bh={base64.b64encode(body_hash).decode('ascii')};",
    ]
    begin = folded("ARC-Message-Signature:", tokens) + "\r\n b="
    signature = MessageSignature(
        key.algorithm, b"", body_hash, key.domain, key.selector, tuple(names), _FORM, _FORM, None, None
    )
    own = ArcField(begin.encode("ascii"), -1, instance, {})
    return (begin + in_lines(key.signature(signature_digest(header, own, signature)), 3)).encode("ascii")


def _seal_field(
    below: tuple[ArcSet, ...],
    instance: int,
    results: bytes,
    signature: bytes,
    status: ArcResult,
    key: SigningKey,
    now: float,
) -> bytes:
    """RFC 8617 §4.1.3, §5.1.1."""
    tokens = [
        f"i={instance};",
        f"a={key.algorithm};",
        f"cv={status.value};",
        f"d={key.domain};",
        f"s={key.selector};",
        f"t={int(now)};",
    ]
    begin = folded("ARC-Seal:", tokens) + "\r\n b="
    own = ArcSet(*(ArcField(one, -1, instance, {}) for one in (results, signature, begin.encode("ascii"))))
    return (begin + in_lines(key.signature(seal_digests([*below, own])[-1]), 3)).encode("ascii")
