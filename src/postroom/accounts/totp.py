"""One-time codes from the time (RFC 6238, 4226).

Owns: the codes, which of them count at a moment, the URI that authenticator apps read. Never: keeps a secret or asks
the time. Raises: nothing.
"""

import base64
import hmac
from urllib.parse import quote, urlencode

SECRET_OCTETS = 20  # RFC 4226 §4 R6: 160 bits
STEP_SECONDS = 30  # RFC 6238 §5.2
DIGITS = 6
_DRIFT_STEPS = 1  # RFC 6238 §5.2: a code of the step before or after counts too


def code(secret: bytes, counter: int, digits: int = DIGITS) -> str:
    """HOTP of this counter (RFC 4226 §5.3)."""
    mac = hmac.digest(secret, counter.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def step(now: float) -> int:
    """The time step of this moment (RFC 6238 §4.2)."""
    return int(now // STEP_SECONDS)


def accepted(secret: bytes, typed: str, now: float, last_step: int) -> int | None:
    """The time step whose code this is; None when it is of none that counts now.

    Steps up to `last_step` do not count: their codes may have been seen (RFC 6238 §5.2). The work is the same for every
    answer.
    """
    claimed = "".join(typed.split()).encode("utf-8", "surrogatepass")
    found = None
    for at in range(step(now) - _DRIFT_STEPS, step(now) + _DRIFT_STEPS + 1):
        if hmac.compare_digest(code(secret, max(at, 0)).encode(), claimed) and at > last_step and found is None:
            found = at
    return found


def written(secret: bytes) -> str:
    """The secret as authenticator apps take it when it is typed."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def uri(secret: bytes, account: str, issuer: str) -> str:
    """otpauth://totp/…, as authenticator apps read it from a QR code."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    parameters = {"secret": written(secret), "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS}
    return f"otpauth://totp/{label}?{urlencode({**parameters, 'period': STEP_SECONDS}, quote_via=quote)}"
