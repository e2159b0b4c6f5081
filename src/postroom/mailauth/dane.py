"""TLSA records and the certificates they stand for (RFC 6698, RFC 7671), as SMTP between servers uses them (RFC 7672).

Owns: reading records, which of them are usable, the verdict on a chain. Never: asks the DNS, knows whether an answer
was validated (delivery does both). Raises: BadTlsa.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .certificates import (
    has_name,
    is_current,
    is_for_servers,
    is_issuer,
    is_signed_by,
    names_of,
    public_key_info,
    read_certificate,
)
from .types import ResultType, Verdict

DANE_TA, DANE_EE = 2, 3  # usages (RFC 7218 §2.1)
CERT, SPKI = 0, 1  # selectors
FULL, SHA2_256, SHA2_512 = 0, 1, 2  # matching types
_DIGEST_OCTETS = {SHA2_256: 32, SHA2_512: 64}
_MAX_CHAIN = 16  # certificates of a server that are looked at
_MAX_RECORDS = 64


class BadTlsa(ValueError):
    """That is no TLSA record."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    @property
    def kind(self) -> str:
        """For people: without the data."""
        return f"TLSA {self.usage} {self.selector} {self.matching}"

    @property
    def usable(self) -> bool:
        """RFC 7672 §3.1: the usages that name an authority of the public Web (0 and 1) are not, here (§3.1.3)."""
        if self.usage not in (DANE_TA, DANE_EE) or self.selector not in (CERT, SPKI):
            return False
        if self.matching == FULL:
            return bool(self.data)
        return len(self.data) == _DIGEST_OCTETS.get(self.matching)

    def matches(self, der: bytes) -> bool:
        """The certificate, or its key, is the one the record has."""
        selected = der if self.selector == CERT else public_key_info(der)
        return selected is not None and _associated(self.matching, selected) == self.data


def read_tlsa(rdata: bytes) -> Tlsa:
    """A record in the form it has in an answer. Raises BadTlsa."""
    if len(rdata) < 4:
        raise BadTlsa(f"{len(rdata)} octets are no TLSA record")
    return Tlsa(rdata[0], rdata[1], rdata[2], rdata[3:])


def tlsa_for(certificate: x509.Certificate) -> Tlsa:
    """What to publish for a server with this certificate: DANE-EE SPKI SHA2-256 (RFC 7672 §3.1.1)."""
    key_info = public_key_info(certificate.public_bytes(Encoding.DER))
    assert key_info is not None  # it is a certificate
    return Tlsa(DANE_EE, SPKI, SHA2_256, _associated(SHA2_256, key_info))


def usable_records(records: Iterable[Tlsa]) -> tuple[Tlsa, ...]:
    """Those that can be used, without digests weaker than others for the same (RFC 7671 §9)."""
    usable = [record for record in records if record.usable][:_MAX_RECORDS]
    best: dict[tuple[int, int], int] = {}
    for record in usable:
        key = record.usage, record.selector
        best[key] = max(best.get(key, FULL), record.matching)  # SHA2-512 (2) is stronger than SHA2-256 (1)
    return tuple(r for r in usable if r.matching in (FULL, best[r.usage, r.selector]))


def verify(records: Iterable[Tlsa], chain: Sequence[bytes], names: Sequence[str], now: float) -> Verdict:
    """Is this the server the records are for? `chain`: DER, the server's own first; `names`: RFC 7672 §3.2.2.

    Records of which none is usable demand TLS, and nothing of the certificate (RFC 7672 §2.2).
    """
    usable = usable_records(records)
    if not usable:
        return Verdict("encrypted; no TLSA record is usable, so nothing more is asked (RFC 7672 §2.2)")
    shown = list(chain[:_MAX_CHAIN])
    if not shown:
        return Verdict("the server has shown no certificate", ResultType.VALIDATION_FAILURE)
    for record in usable:
        # RFC 7672 §3.1.1, §3.2.1: neither names nor dates are looked at
        if record.usage == DANE_EE and record.matches(shown[0]):
            return Verdict(f"its certificate is that of {record.kind}")
    anchors = [record for record in usable if record.usage == DANE_TA]
    if not anchors:
        return Verdict("its certificate is none of those in the TLSA records", ResultType.VALIDATION_FAILURE)
    return _anchored(anchors, shown, names, now)


@dataclass(frozen=True, slots=True)
class _Read:
    """A certificate, as octets and understood."""

    der: bytes
    certificate: x509.Certificate


def _read(ders: Iterable[bytes]) -> list[_Read]:
    return [_Read(der, one) for der in ders if (one := read_certificate(der)) is not None]


def _anchored(anchors: Sequence[Tlsa], shown: Sequence[bytes], names: Sequence[str], now: float) -> Verdict:
    """RFC 7672 §3.1.2: issued, step by step, by an authority in the records, and for the right name (§3.2.2)."""
    leaf = read_certificate(shown[0])
    if leaf is None:
        return Verdict("the server has shown no certificate that can be read", ResultType.VALIDATION_FAILURE)
    found, expired = _climb(anchors, _Read(shown[0], leaf), _read(shown[1:]), now)
    if found is None:
        if expired:
            return Verdict("its certificate, or one it depends on, is not valid now", ResultType.CERTIFICATE_EXPIRED)
        return Verdict(
            "no authority of the TLSA records has issued its certificate", ResultType.CERTIFICATE_NOT_TRUSTED
        )
    if not has_name(leaf, names):
        others = ", ".join(names_of(leaf)[:5]) or "nobody"
        return Verdict(f"its certificate is for {others}, not {names[0]}", ResultType.CERTIFICATE_HOST_MISMATCH)
    return Verdict(f"its certificate is issued by that of {found.kind}")


def _climb(anchors: Sequence[Tlsa], leaf: _Read, others: list[_Read], now: float) -> tuple[Tlsa | None, bool]:
    """The record at the end of a chain from `leaf`; or None, and whether a date is all that was wrong."""
    if not is_for_servers(leaf.certificate):
        return None, False
    # RFC 7671 §5.2.2: servers may leave out what the record has in full
    pool = others + _read(r.data for r in anchors if (r.selector, r.matching) == (CERT, FULL))
    bare_keys = [record for record in anchors if (record.selector, record.matching) == (SPKI, FULL)]
    names = names_of(leaf.certificate)
    expired = False
    level, below = [(leaf, is_current(leaf.certificate, now))], 0
    while level:
        above: list[tuple[_Read, bool]] = []
        for subject, current in level:
            ends = [record for record in bare_keys if is_signed_by(subject.certificate, record.data)]
            if ends and current:
                return ends[0], False
            expired = expired or bool(ends)
            for issuer in [one for one in pool if is_issuer(one.certificate, subject.certificate, below, names)]:
                valid = current and is_current(issuer.certificate, now)
                ends = [record for record in anchors if record.matches(issuer.der)]
                if ends and valid:
                    return ends[0], False
                expired = expired or bool(ends)
                pool.remove(issuer)  # looked at once, so that certificates that sign each other end somewhere
                above.append((issuer, valid))
        level, below = above, below + 1
    return None, expired


def _associated(matching: int, der: bytes) -> bytes:
    if matching == SHA2_256:
        return hashlib.sha256(der).digest()
    if matching == SHA2_512:
        return hashlib.sha512(der).digest()
    return der
