"""Making signatures (RFC 6376 §5).

Owns: which fields are signed, how the field is written and folded. Never: keeps keys, changes the message. Raises:
ValueError for a key that may not sign.

What is signed has to be what is sent: the caller passes the header and hashes the body as they go onto the wire.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from postroom.mailauth.domains import domain_name

from .canonical import Canonicalization
from .fields import HeaderFields
from .key import MAX_RSA_BITS, MIN_RSA_BITS, key_text, record_name
from .signature import signed_form

# Signed once more than they occur, so that none can be added (RFC 6376 §5.4, §8.15): what people are shown, and what
# decides how the body is read.
OVERSIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"reply-to",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
# Signed where they are: mailing lists and those who send again may add their own.
SIGNED = (
    b"sender",
    b"content-id",
    b"content-description",
    b"content-disposition",
    b"content-language",
    b"auto-submitted",
    b"resent-date",
    b"resent-from",
    b"resent-sender",
    b"resent-to",
    b"resent-cc",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
)
MAX_INSTANCES = 20  # of one name that are signed: an honest message has one
MAX_LINE = 76  # octets, without the line end
_FORM = Canonicalization.RELAXED
_PADDING = PKCS1v15()
_SHA256 = Prehashed(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and where its public half is published. Names are A-labels in lower case."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    def __post_init__(self) -> None:
        if domain_name(self.domain) != self.domain or domain_name(self.record_name) != self.record_name:
            name = f"{self.selector[:70]} at {self.domain[:80]}"
            raise ValueError(f"{name!r} is not a domain name in A-labels and lower case")
        if isinstance(self.private, RSAPrivateKey) and not MIN_RSA_BITS <= self.private.key_size <= MAX_RSA_BITS:
            raise ValueError(f"RSA keys have {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, not {self.private.key_size}")

    @property
    def algorithm(self) -> str:
        """a= (RFC 6376 §3.3.2, RFC 8463 §3)."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def record_name(self) -> str:
        """Where `record` is to be published."""
        return record_name(self.selector, self.domain)

    @property
    def record(self) -> str:
        return key_text(self.private.public_key())

    def signature(self, digest: bytes) -> bytes:
        """`digest`: SHA-256 of what is signed."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _SHA256)
        return self.private.sign(digest)


def signed_names(header: HeaderFields) -> list[bytes]:
    """h= for this header (RFC 6376 §5.4)."""
    names = []
    for name in OVERSIGNED:
        names += [name] * min(header.count(name) + 1, MAX_INSTANCES)
    for name in SIGNED:
        names += [name] * min(header.count(name), MAX_INSTANCES)
    return names


def sign(
    header: HeaderFields,
    body_hash: bytes,
    keys: Sequence[SigningKey],
    *,
    now: float,
    lifetime: int | None = None,
    names: Sequence[bytes] | None = None,
) -> bytes:
    """A DKIM-Signature field for each key, each with its CRLF: to stand before the header (RFC 6376 §5.6), which has to
    begin with a field, not with white space.

    `body_hash`: BodyHasher(Canonicalization.RELAXED).digest(). `now`: Unix seconds. `lifetime`: seconds until the
    signatures expire (x=); None: never. `names`: h= in lower case; None: `signed_names`.
    """
    if names is None:
        names = signed_names(header)
    hashed = hashlib.sha256(header.choose(names, _FORM))  # the same for all keys
    times = [f"t={int(now)};"] + ([f"x={int(now) + lifetime};"] if lifetime is not None else [])
    signed = _colons(names)
    fields = []
    for key in keys:
        tokens = ["v=1;", f"a={key.algorithm};", "c=relaxed/relaxed;", f"d={key.domain};", f"s={key.selector};", *times]
        begin = folded("DKIM-Signature:", [*tokens, *signed, f"bh={base64.b64encode(body_hash).decode('ascii')};"])
        begin += "\r\n b="
        digest = hashed.copy()
        digest.update(signed_form(begin.encode("ascii"), _FORM))
        fields.append(begin + in_lines(key.signature(digest.digest()), 3) + "\r\n")
    return "".join(fields).encode("ascii")


def folded(begin: str, tokens: Iterable[str]) -> str:
    """The tokens with white space between them, on lines of at most MAX_LINE octets where a token is not longer.

    A token that begins with a colon follows without white space when it is on the same line (RFC 6376 §3.5, h=).
    """
    lines = [begin]
    for token in tokens:
        joint = "" if token.startswith(":") else " "
        if len(lines[-1]) + len(joint) + len(token) <= MAX_LINE:
            lines[-1] += joint + token
        else:
            lines.append(" " + token)
    return "\r\n".join(lines)


def in_lines(octets: bytes, column: int) -> str:
    """Base64 folded to MAX_LINE, the first line from `column` on."""
    text = base64.b64encode(octets).decode("ascii")
    first = MAX_LINE - column
    rest = range(first, len(text), MAX_LINE - 1)
    return "\r\n ".join([text[:first], *(text[at : at + MAX_LINE - 1] for at in rest)])


def _colons(names: Sequence[bytes]) -> list[str]:
    """h= as tokens; a line may end before a colon."""
    texts = [name.decode("ascii") for name in names]
    tokens = [f"h={texts[0]}", *(f":{text}" for text in texts[1:])]
    tokens[-1] += ";"
    return tokens
