"""What verifying gives, and its limits.

Owns: the words of RFC 8601 for DKIM, the verdict on one signature. Never: decides anything. Raises: nothing.
"""

import enum
from dataclasses import dataclass


class DkimResult(enum.Enum):
    """RFC 8601 §2.7.1; values are its words."""

    NONE = "none"  # there is no signature
    PASS = "pass"
    FAIL = "fail"  # it does not fit the message
    POLICY = "policy"  # not acceptable here, whether it fits or not
    NEUTRAL = "neutral"  # of a kind that is not known here
    TEMPERROR = "temperror"
    PERMERROR = "permerror"  # signature or key are malformed or missing


@dataclass(frozen=True, slots=True)
class DkimLimits:
    """What one message may cost, and what is accepted."""

    max_signatures: int = 10  # that are tried, from the top; RFC 6376 §6.1
    max_signature_octets: int = 16_384  # of one field
    max_signed_names: int = 500  # in h=
    max_header_octets: int = 262_144  # of the whole header; above that nothing is verified
    max_keys: int = 4  # records at one name that are tried; RFC 6376 §6.1.2, step 4
    clock_skew_seconds: int = 300  # for t= and x=
    appended_passes: bool = False  # text behind what l= covers: pass, instead of policy (RFC 6376 §8.2)


DEFAULT_LIMITS = DkimLimits()


@dataclass(frozen=True, slots=True)
class DkimVerdict:
    """On one signature. Of a malformed one, what could be read of it; the rest is empty."""

    result: DkimResult
    words: str  # why, for people
    domain: str = ""  # d=, in lower case and A-labels
    selector: str = ""
    algorithm: str = ""
    identity: str = ""  # i=, or "@" and the domain
    header_b: str = ""  # enough of b= to tell this signature from the others (RFC 6008 §4)
    testing: bool = False  # t=y: a failure is to be treated like no signature
    unsigned_octets: int = 0  # of the canonical body behind what l= covers
    key_bits: int = 0
    signed_names: tuple[str, ...] = ()  # h=, in lower case
    record: bytes = b""  # the key record that was used
