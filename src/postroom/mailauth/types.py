"""Values that several checks give.

Owns: the kinds of TLS failures, by the names that reports give them. Never: does anything. Raises: nothing.
"""

import enum
from dataclasses import dataclass


class ResultType(enum.Enum):
    """What can go wrong with TLS between servers (RFC 8460 §4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a certificate is the one that was demanded."""

    words: str  # for people: by what it was recognised, or why not
    failure: ResultType | None = None

    @property
    def ok(self) -> bool:
        return self.failure is None
