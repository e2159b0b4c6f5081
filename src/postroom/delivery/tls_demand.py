"""What is demanded of the connection to one host, and whether a certificate meets it.

Owns: that value. Never: decides what is demanded (tls_policy does), connects. Raises: nothing.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from postroom.mailauth import ResultType, Verdict
from postroom.mailauth.certificates import has_name, names_of, read_certificate
from postroom.mailauth.dane import verify

from .dane_lookup import DaneRecords

TlsUse = Literal["opportunistic", "starttls", "implicit", "never"]
PolicyType = Literal["tlsa", "sts", "no-policy-found"]  # RFC 8460 §4.4


@dataclass(frozen=True, slots=True)
class Published:
    """The policy of a domain that a demand comes from, as reports have it (RFC 8460 §4.5)."""

    domain: str
    kind: PolicyType = "no-policy-found"
    lines: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # mx patterns


@dataclass(frozen=True, slots=True)
class TlsDemand:
    """Two demands that are equal may share a connection."""

    use: TlsUse = "opportunistic"
    by: str = ""  # who demands it, for people; "": nobody demands anything
    names: tuple[str, ...] = ()  # the certificate has to be trusted, and for one of these
    dane: DaneRecords | None = None
    soft: bool = False  # a failure is told to the domain, and the mail is sent all the same (RFC 8461 §5),
    otherwise: TlsUse = "opportunistic"  # in this way
    fault: tuple[ResultType, str] | None = None  # that is to be told, whatever the connection will be like
    published: Published | None = None  # None: there is nobody to report to

    @property
    def strict(self) -> bool:
        """There are connections that do not meet it."""
        return not self.soft and self.use in ("starttls", "implicit")

    @property
    def authenticates(self) -> bool:
        """What meets it is the server that was meant."""
        return bool(self.names) or (self.dane is not None and any(record.usable for record in self.dane.records))

    @property
    def server_name(self) -> str:
        """For SNI: the TLSA base domain (RFC 7672 §8.1); "" for the host's own."""
        return self.dane.names[0] if self.dane is not None else ""

    def met_by(self, other: "TlsDemand") -> bool:
        """A connection that was opened under `other` is good enough."""
        return self == other or not self.strict

    def check(self, chain: Sequence[bytes], now: float) -> Verdict:
        """After a handshake; where `names` are demanded the library has seen to it that the chain is trusted."""
        if self.dane is not None:
            return verify(self.dane.records, chain, self.dane.names, now)
        if not self.names:
            return Verdict("any certificate will do")
        leaf = read_certificate(chain[0]) if chain else None
        if leaf is None:
            return Verdict("the server has shown no certificate that can be read", ResultType.VALIDATION_FAILURE)
        if not has_name(leaf, self.names):
            words = f"its certificate is for {', '.join(names_of(leaf)[:5]) or 'nobody'}, not {self.names[0]}"
            return Verdict(words, ResultType.CERTIFICATE_HOST_MISMATCH)
        return Verdict("its certificate is trusted and has the right name")


OPPORTUNISTIC = TlsDemand()


def handshake_failure(error: BaseException | None) -> ResultType:
    """Which failure that is, for reports (RFC 8460 §4.3.1)."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__
    if error is None:
        return ResultType.VALIDATION_FAILURE
    return _OF_OPENSSL.get(error.verify_code, ResultType.CERTIFICATE_NOT_TRUSTED)


_OF_OPENSSL = {  # X509_V_ERR_…
    9: ResultType.CERTIFICATE_EXPIRED,  # not yet valid
    10: ResultType.CERTIFICATE_EXPIRED,
    62: ResultType.CERTIFICATE_HOST_MISMATCH,
    64: ResultType.CERTIFICATE_HOST_MISMATCH,  # an IP address
}
