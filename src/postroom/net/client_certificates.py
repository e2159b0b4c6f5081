"""Certificates that clients show when they are asked to, and whom they prove.

Owns: the authorities that are believed, the names of a certificate. Never: asks for one (the listener's context does),
signs anybody in. Raises: TlsSetupError for authorities that can't be read.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from .api import ClientCertificate, TlsSetupError

_REVOCATIONS = b"-----BEGIN X509 CRL-----"


class ClientCertificates:
    """`names`: an address for certificates that name none, by SHA-256 fingerprint or by subject (RFC 4514)."""

    def __init__(self, authorities: Path, names: Mapping[str, str] | None = None) -> None:
        self.authorities = authorities
        self._names = {_key(key): address for key, address in (names or {}).items()}

    def trust(self, context: ssl.SSLContext) -> None:
        """Let certificates of the authorities pass there. Raises TlsSetupError."""
        try:
            context.load_verify_locations(self.authorities)
        except (OSError, ValueError) as error:
            raise TlsSetupError(f"{self.authorities}: {error}") from error

    def ask(self, context: ssl.SSLContext, *, need: bool) -> None:
        """Make this listener's context ask. Raises TlsSetupError.

        OpenSSL ends the handshake over a certificate of another authority even where none is needed. It takes the
        authorities from the context of our own certificate, which it has by then.
        """
        context.verify_mode = ssl.CERT_REQUIRED if need else ssl.CERT_OPTIONAL
        try:
            if _REVOCATIONS in self.authorities.read_bytes():  # RFC 5280 §5: the file has their revocation lists too
                context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
        except OSError as error:
            raise TlsSetupError(f"{self.authorities}: {error}") from error

    def read(self, der: bytes) -> ClientCertificate:
        """Whom a certificate proves that the handshake has found good."""
        certificate = x509.load_der_x509_certificate(der)
        subject = certificate.subject.rfc4514_string()
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        names = _mail_addresses(certificate)
        if not names:
            configured = self._names.get(fingerprint) or self._names.get(_key(subject))
            names = (configured,) if configured else ()
        return ClientCertificate(names, subject, fingerprint)


def _mail_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """rfc822Name (RFC 5280 §4.2.1.6); an address in the subject does not count."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(dict.fromkeys(names.get_values_for_type(x509.RFC822Name)))


def _key(text: str) -> str:
    """Fingerprints are written with colons or without, in any case; a subject stays as it is."""
    return text if "=" in text else text.replace(":", "").lower()
