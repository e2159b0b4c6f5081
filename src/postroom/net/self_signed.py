"""A certificate that nobody but ourselves vouches for, where there is no other yet.

Owns: its files. Never: replaces one that is still valid. Raises: OSError.
"""

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def self_signed(directory: Path, hostname: str, days: int, now: float) -> tuple[Path, Path]:
    """Paths of a certificate and key for `hostname`, made when missing or expired at `now` (seconds since 1970)."""
    certificate_path, key_path = directory / "self-signed.crt", directory / "self-signed.key"
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if certificate_path.exists() and key_path.exists():
        present = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        if present.not_valid_after_utc > moment + datetime.timedelta(days=1):
            return certificate_path, key_path
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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
    write_file(key_path, private, 0o600)
    write_file(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate_path, key_path


def write_file(path: Path, data: bytes, mode: int) -> None:
    """The whole of it or nothing, even over a power loss; a new file with `mode`."""
    temporary = path.with_suffix(path.suffix + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
