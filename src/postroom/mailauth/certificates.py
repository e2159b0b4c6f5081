"""Certificates of servers: their names, and who has issued them.

Owns: reading, matching of names (RFC 6125 §6.4), one step of a chain (RFC 5280 §6.1). Never: knows authorities,
the time, or a policy. Raises: nothing; what can't be read is None or does not match.
"""

import datetime
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_SERVER = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


def read_certificate(der: bytes) -> x509.Certificate | None:
    """None: that is no certificate, or its extensions can't be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.not_valid_after_utc, certificate.subject, certificate.issuer
    except _UNREADABLE:
        return None
    return certificate


def public_key_info(der: bytes) -> bytes | None:
    """The SubjectPublicKeyInfo of a certificate, octet by octet as it is there; None: that is no certificate.

    Found by position (RFC 5280 §4.1), not read: what is hashed for TLSA must not depend on how a key is written again,
    and certificates that no library likes may be published all the same.
    """
    certificate = _inside(der, 0)
    tbs = None if certificate is None else _inside(der, certificate[0])
    if tbs is None:
        return None
    at, end = tbs
    if der[at : at + 1] == b"\xa0":  # the version, which may be missing
        at = _after(der, at)
    for _ in range(5):  # serial number, signature algorithm, issuer, validity, subject
        at = _after(der, at)
    after = _after(der, at)
    return der[at:after] if der[at : at + 1] == b"\x30" and at < after <= end else None


def _inside(der: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of the SEQUENCE at that place begins and ends (X.690 §8.1)."""
    found = _content(der, at)
    return found if der[at : at + 1] == b"\x30" else None


def _after(der: bytes, at: int) -> int:
    """Where the next element begins; behind everything when there is none."""
    found = _content(der, at)
    return len(der) + 1 if found is None else found[1]


def _content(der: bytes, at: int) -> tuple[int, int] | None:
    length = der[at + 1] if at + 1 < len(der) else 0x80
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or start + count > len(der):
            return None
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    return (start, start + length) if start + length <= len(der) else None


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """DNS names in lower case; the common name only where there are none (RFC 7672 §3.2.3, RFC 6125 §6.4.4)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        if names := extension.value.get_values_for_type(x509.DNSName):
            return tuple(name.lower() for name in names)
    except x509.ExtensionNotFound:
        pass
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return tuple(str(attribute.value).lower() for attribute in common)


def name_matches(pattern: str, name: str) -> bool:
    """ "*" stands for exactly the whole first label (RFC 6125 §6.4.3, RFC 7672 §3.2.3)."""
    pattern, name = pattern.lower().removesuffix("."), name.lower().removesuffix(".")
    if pattern.startswith("*."):
        _, dot, rest = name.partition(".")
        return bool(dot) and "*" not in pattern[1:] and rest == pattern[2:]
    return bool(name) and "*" not in pattern and pattern == name


def has_name(certificate: x509.Certificate, names: Iterable[str]) -> bool:
    """The certificate is for one of these hosts."""
    patterns = names_of(certificate)
    return any(name_matches(pattern, name) for name in names for pattern in patterns)


def is_current(certificate: x509.Certificate, now: float) -> bool:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def is_for_servers(certificate: x509.Certificate) -> bool:
    """It may be used by a TLS server, and nothing in it that has to be understood is not (RFC 5280 §4.2)."""
    if _has_unknown_demands(certificate):
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool(_SERVER.intersection(usage))


def is_issuer(issuer: x509.Certificate, subject: x509.Certificate, below: int, names: Iterable[str]) -> bool:
    """`issuer` has signed `subject` and may have: an authority (RFC 5280 §6.1.4) with so many others `below` it.

    `names`: of the server at the end, for the authority's name constraints.
    """
    if issuer.subject != subject.issuer:
        return False
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
        return False
    try:
        if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    if _has_unknown_demands(issuer) or not _allows(issuer, names):
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def is_signed_by(subject: x509.Certificate, key_info: bytes) -> bool:
    """The key of that SubjectPublicKeyInfo has signed the certificate."""
    try:
        key = load_der_public_key(key_info)
        _verify(subject, key)  # type: ignore[arg-type]  # other kinds are refused there
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _verify(subject: x509.Certificate, key: CertificateIssuerPublicKeyTypes) -> None:
    how = subject.signature_algorithm_parameters
    signature, signed = subject.signature, subject.tbs_certificate_bytes
    if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
        algorithm = subject.signature_hash_algorithm
        if algorithm is None:
            raise UnsupportedAlgorithm("no hash")
        key.verify(signature, signed, how, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
        key.verify(signature, signed, how)
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and how is None:
        key.verify(signature, signed)
    else:
        raise UnsupportedAlgorithm("this key has not made this signature")


def _has_unknown_demands(certificate: x509.Certificate) -> bool:
    """RFC 5280 §4.2: a critical extension that is not recognised."""
    return any(one.critical and isinstance(one.value, x509.UnrecognizedExtension) for one in certificate.extensions)


def _allows(issuer: x509.Certificate, names: Iterable[str]) -> bool:
    """RFC 5280 §4.2.1.10, for DNS names."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return True
    permitted = _dns_trees(constraints.permitted_subtrees)
    excluded = _dns_trees(constraints.excluded_subtrees)
    for name in names:
        if any(_is_within(name, tree) for tree in excluded):
            return False
        if permitted and not any(_is_within(name, tree) for tree in permitted):
            return False
    return True


def _dns_trees(trees: Iterable[x509.GeneralName] | None) -> list[str]:
    return [tree.value.lower() for tree in trees or () if isinstance(tree, x509.DNSName)]


def _is_within(name: str, tree: str) -> bool:
    return not tree or name == tree or name.endswith("." + tree.removeprefix("."))
