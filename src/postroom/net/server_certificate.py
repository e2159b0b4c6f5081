"""One certificate of ours with its key, as loaded from files, and what is known of it.

Owns: reading and judging a pair of files, the SSL context that shows it. Never: watches files, chooses between
certificates. Raises: TlsSetupError.
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from .api import TlsSetupError
from .client_certificates import ClientCertificates
from .tls_profile import set_ciphers

_Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM: the chain, its own certificate first, and the private key, which may be in the same file."""

    certificate: Path
    key: Path

    def stamp(self) -> _Stamp:
        """Another whenever one of the files was written or replaced. Raises TlsSetupError: one is not there."""
        try:
            stats = (os.stat(self.certificate), os.stat(self.key))
        except OSError as error:
            raise TlsSetupError(f"{error.filename}: {error.strerror}") from error
        return tuple(n for s in stats for n in (s.st_mtime_ns, s.st_size, s.st_ino))


class CertificateContext(ssl.SSLContext):
    """The context of one certificate. A session has it once the certificate is chosen, and so knows which was shown."""

    end_point: bytes | None = None  # tls-server-end-point (RFC 5929 §4)
    clients: ClientCertificates | None = None


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Loaded and ready to be shown."""

    files: CertificateFiles
    context: CertificateContext
    names: tuple[str, ...]  # dNSName, in lower case, perhaps with "*." before them
    not_before: float  # Unix seconds
    not_after: float
    self_signed: bool

    def covers(self, name: str) -> bool:
        """Whether a client that wants to reach `name` takes it."""
        return covers(self.names, name)


def load_certificate(files: CertificateFiles, clients: ClientCertificates | None = None) -> ServerCertificate:
    """The pair as it is now. Raises TlsSetupError, for one that is being written too."""
    stamp = files.stamp()
    context = CertificateContext(ssl.PROTOCOL_TLS_SERVER)
    set_ciphers(context)
    try:
        context.load_cert_chain(files.certificate, files.key)
        chain = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise TlsSetupError(f"{files.certificate} with {files.key}: {error}") from error
    if files.stamp() != stamp:  # what was read the second time may be another one than the first time
        raise TlsSetupError(f"{files.certificate} with {files.key}: written just now")
    own = chain[0]
    context.end_point = server_end_point(own)
    if clients is not None:
        clients.trust(context)
        context.clients = clients
    return ServerCertificate(
        files,
        context,
        names_of(own),
        own.not_valid_before_utc.timestamp(),
        own.not_valid_after_utc.timestamp(),
        own.issuer == own.subject,
    )


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its dNSNames in lower case; the common name is none (RFC 9525 §6.1)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(dict.fromkeys(name.lower() for name in names.get_values_for_type(x509.DNSName)))


def covers(names: Sequence[str], name: str) -> bool:
    """RFC 9525 §6.3: a wildcard stands for exactly one whole label."""
    name = name.lower()
    return name in names or "*." + name.partition(".")[2] in names


def server_end_point(certificate: x509.Certificate) -> bytes | None:
    """The channel binding of sessions in which it was shown (RFC 5929 §4.1); None: not defined for its signature."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:  # Ed25519: no hash function is named
        return None
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)


def by_name(certificates: Sequence[ServerCertificate]) -> dict[str, ServerCertificate]:
    """Which is shown for each name: the first that has it, but one of an authority before a self-signed one."""
    found: dict[str, ServerCertificate] = {}
    for certificate in sorted(certificates, key=lambda one: one.self_signed):
        for name in certificate.names:
            found.setdefault(name, certificate)
    return found
