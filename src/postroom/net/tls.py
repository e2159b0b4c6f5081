"""The server's certificate: loaded from files, reloaded when they change, self-signed when there are none.

Owns: SSL contexts and the self-signed certificate's files. Never: decides who must use TLS. Raises: TlsSetupError.
"""

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class TlsSetupError(Exception):
    """The certificate or key can't be used; the text names the file and the reason."""


class ServerTls:
    """One SSLContext for all listeners; `reload_if_changed` brings new files into it for connections to come."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.key = key
        self.context = _context()
        self._stamp = self._look()
        _load(self.context, certificate, key)

    def _look(self) -> tuple[int, ...]:
        try:
            stats = (os.stat(self.certificate), os.stat(self.key))
        except OSError as error:
            raise TlsSetupError(f"{error.filename}: {error.strerror}") from error
        return tuple(n for s in stats for n in (s.st_mtime_ns, s.st_size, s.st_ino))

    def reload_if_changed(self) -> bool:
        """True when new files were loaded. Unusable ones raise TlsSetupError and the old certificate stays."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        _load(
            _context(), self.certificate, self.key
        )  # try on a throw-away context first: a half-written pair fails here
        _load(self.context, self.certificate, self.key)
        self._stamp = stamp
        return True


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996, RFC 8314 §4.1
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_IGNORE_UNEXPECTED_EOF
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise TlsSetupError(f"{certificate} with {key}: {error}") from error


def self_signed(directory: Path, hostname: str, days: int, now: float) -> tuple[Path, Path]:
    """Paths of a certificate and key for `hostname`, made when missing or expired at `now` (seconds since 1970)."""
    certificate_path, key_path = directory / "self-signed.crt", directory / "self-signed.key"
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if certificate_path.exists() and key_path.exists():
        present = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        if present.not_valid_after_utc > moment + datetime.timedelta(days=1):
            return certificate_path, key_path
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    names: list[x509.GeneralName] = [x509.DNSName(n) for n in dict.fromkeys((hostname, "localhost"))]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key_path, private, 0o600)
    _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate_path, key_path


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def client_context(*, verify: bool, cafile: Path | None = None, check_name: bool = True) -> ssl.SSLContext:
    """For outgoing connections. `verify=False` is opportunistic TLS: it protects from listeners, not from impostors.

    `check_name=False`: who asks looks at the names of the certificate itself.
    """
    if verify:
        context = ssl.create_default_context(cafile=str(cafile) if cafile else None)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the system's authorities take 30 ms to load
    context.hostname_checks_common_name = False  # RFC 9525 §6.1
    if not (verify and check_name):
        context.check_hostname = False
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    return context
