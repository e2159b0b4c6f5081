"""Client certificates: asked for or not, whom they prove, which are refused."""

import asyncio
import datetime
import hashlib
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from tests.mailauth.authority import Issued, issue
from tests.net.certificates import connect, hello, listening, made, seen, shown_client, touch

from postroom.net import (
    CertificateFiles,
    ClientCertificate,
    ClientCertificates,
    Connection,
    ServerTls,
    TlsFailed,
    TlsSetupError,
)

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NOW_REAL = time.time()
ALICE = x509.SubjectAlternativeName([x509.RFC822Name("alice@example.org"), x509.RFC822Name("al@example.org")])


def asking(tmp_path: Path, names: dict[str, str] | None = None) -> tuple[ServerTls, Issued]:
    """A server that believes an authority, which is given too."""
    authority = issue("People", ca=True, now=NOW_REAL)
    (tmp_path / "people").mkdir()
    file = authority.write(tmp_path / "people")[0]
    files = made(tmp_path / "own", issue("mail.example.org", now=NOW_REAL))
    return ServerTls(files.certificate, files.key, clients=ClientCertificates(file, names)), authority


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("way", ["tls", "starttls"])
def test_a_client_certificate_proves_its_addresses(tmp_path: Path, version: ssl.TLSVersion, way: str) -> None:
    tls, authority = asking(tmp_path)
    alice = issue("Alice", authority, dns=(), now=NOW_REAL, extensions=((ALICE, False),))
    own = alice.write(tmp_path / "alice")
    found: list[ClientCertificate | None] = []

    async def serve(connection: Connection) -> None:
        if way == "starttls":
            await connection.receive()
            connection.send(b"go\r\n")
            await connection.start_tls(tls.context)
        found.append(connection.client_certificate)
        await hello(connection)

    async def main() -> None:
        front = tls.front(clients="ask")
        async with listening(serve, front if way == "tls" else None, front) as port:
            for context in (shown_client(own, version), shown_client(version=version)):
                if way == "tls":
                    assert await seen(port, context)
                    continue
                from tests.net.certificates import QUICK

                from postroom.net import Dialer

                client = await Dialer(QUICK).connect("127.0.0.1", port)
                client.send(b"STARTTLS\r\n")
                assert await client.receive() == b"go\r\n"
                await client.start_tls_client(context, None)
                assert await client.receive() == b"hello\r\n"
                await client.close()

    asyncio.run(main())
    proven = ClientCertificate(
        ("alice@example.org", "al@example.org"), "CN=Alice", hashlib.sha256(alice.der).hexdigest()
    )
    assert found == [proven, None]


def test_settings_say_whom_a_certificate_without_an_address_proves(tmp_path: Path) -> None:
    authority = issue("People", ca=True)
    phone, laptop, unknown = (issue(name, authority, dns=()) for name in ("phone", "laptop", "unknown"))
    fingerprint = ":".join(f"{octet:02X}" for octet in hashlib.sha256(phone.der).digest())
    clients = ClientCertificates(Path("unread"), {fingerprint: "bob@example.org", "CN=laptop": "alice@example.org"})
    assert clients.read(phone.der).names == ("bob@example.org",)
    assert clients.read(laptop.der).names == ("alice@example.org",)
    assert clients.read(unknown.der).names == ()
    named = issue("Carol", authority, dns=(), extensions=((ALICE, False),))
    assert clients.read(named.der).names == ("alice@example.org", "al@example.org")


def test_a_wrong_client_certificate_ends_only_its_own_connection(tmp_path: Path) -> None:
    tls, authority = asking(tmp_path)
    stranger = issue("alice@example.org", now=NOW_REAL).write(tmp_path / "stranger")
    friend = issue("Bob", authority, dns=(), now=NOW_REAL).write(tmp_path / "friend")

    async def refused(port: int, context: ssl.SSLContext) -> bool:
        try:
            client = await connect(port, context)
            return await client.receive() == b""
        except TlsFailed:
            return True

    async def main() -> None:
        async with listening(hello, tls.front(clients="ask")) as asks, listening(hello, tls.context) as silent:
            assert await refused(asks, shown_client(stranger, V12))
            assert await refused(asks, shown_client(stranger, V13))
            assert await seen(asks, shown_client(friend))
            assert await seen(silent, shown_client(stranger))  # who is not asked may have any
        async with listening(hello, tls.front(clients="need")) as needs:
            assert await refused(needs, shown_client(version=V12))
            assert await refused(needs, shown_client(version=V13))
            assert await seen(needs, shown_client(friend))

    asyncio.run(main())


def test_authorities_are_read_anew(tmp_path: Path) -> None:
    tls, _ = asking(tmp_path)
    other = issue("Others", ca=True, now=NOW_REAL)
    own = issue("Bob", other, dns=(), now=NOW_REAL).write(tmp_path / "bob")
    found: list[ClientCertificate | None] = []

    async def serve(connection: Connection) -> None:
        found.append(connection.client_certificate)
        await hello(connection)

    async def main() -> None:
        async with listening(serve, tls.front(clients="ask")) as port:
            file = tmp_path / "people" / "chain.pem"
            file.write_text("nothing")
            with pytest.raises(TlsSetupError, match=r"people/chain\.pem"):
                tls.reload_if_changed()
            other.write(tmp_path / "people")
            touch(CertificateFiles(file, file))
            assert tls.reload_if_changed()
            assert await seen(port, shown_client(own))

    asyncio.run(main())
    assert [one is not None and one.subject for one in found] == ["CN=Bob"]


def test_a_revoked_client_certificate_is_refused(tmp_path: Path) -> None:
    tls, authority = asking(tmp_path)
    good, lost = (issue(name, authority, dns=(), now=NOW_REAL) for name in ("good", "lost"))
    moment = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    revoked = x509.RevokedCertificateBuilder(lost.certificate.serial_number, moment).build()
    crl = (
        x509.CertificateRevocationListBuilder(authority.certificate.subject, moment - datetime.timedelta(hours=1))
        .next_update(moment + datetime.timedelta(days=1))
        .add_revoked_certificate(revoked)
        .sign(authority.key, hashes.SHA256())
    )
    file = tmp_path / "people" / "chain.pem"
    file.write_bytes(file.read_bytes() + crl.public_bytes(Encoding.PEM))

    async def main() -> None:
        async with listening(hello, tls.front(clients="ask")) as port:
            assert tls.reload_if_changed()
            assert await seen(port, shown_client(good.write(tmp_path / "good")))
            with pytest.raises(TlsFailed):
                await connect(port, shown_client(lost.write(tmp_path / "lost"), V12))

    asyncio.run(main())
