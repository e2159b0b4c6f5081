"""Makes authorities and certificates, each in a few milliseconds."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

NOW = 1_700_000_000.0
DAY = 86_400


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and all that is above it."""

    certificate: x509.Certificate
    key: Any
    above: "Issued | None" = None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def chain(self) -> list[bytes]:
        return [self.der, *(self.above.chain if self.above else [])]

    def write(self, folder: Path, *, root: bool = True) -> tuple[Path, Path]:
        """PEM files of the chain (without its root unless wanted) and of the key."""
        folder.mkdir(parents=True, exist_ok=True)
        one: Issued | None = self
        pem = b""
        while one is not None:
            if one is self or root or one.above is not None:
                pem += one.certificate.public_bytes(Encoding.PEM)
            one = one.above
        (folder / "chain.pem").write_bytes(pem)
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(private)
        return folder / "chain.pem", folder / "key.pem"


def issue(
    name: str,
    above: Issued | None = None,
    *,
    ca: bool = False,
    dns: tuple[str, ...] | None = None,
    days: tuple[float, float] = (-1, 30),
    now: float = NOW,
    path_length: int | None = None,
    key: Any = None,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
) -> Issued:
    """Signed by `above`, or by itself. `dns`: names; None: `name`, for what is no authority."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.certificate.subject if above else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment + datetime.timedelta(days=days[0]))
        .not_valid_after(moment + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((above.key if above else key).public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False),
            critical=True,
        )
    )
    names = dns if dns is not None else () if ca else (name,)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    signer = above.key if above else key
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Issued(builder.sign(signer, algorithm), key, above)
