"""Certificates on all listeners: chosen by name, reloaded, refused; what sessions know of them."""

import asyncio
import hashlib
import socket
import ssl
import time
from pathlib import Path

import pytest
from tests.mailauth.authority import issue
from tests.net.certificates import connect, hello, listening, made, seen, shown_client, touch

from postroom.net import (
    CertificateFiles,
    CompressedConnection,
    Connection,
    ServerTls,
    TlsSetupError,
    self_signed,
)

NOW = 1_790_000_000.0
NOW_REAL = time.time()
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def test_changed_files_are_loaded_and_broken_ones_refused(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "a.example", 100, NOW)
    tls = ServerTls(certificate, key)
    assert tls.context.minimum_version == V12
    assert not tls.reload_if_changed()
    self_signed(tmp_path, "b.example", 100, NOW + 86400 * 100)
    assert tls.reload_if_changed()
    assert not tls.reload_if_changed()
    certificate.write_text("not a certificate")
    with pytest.raises(TlsSetupError, match=r"self-signed\.crt"):
        tls.reload_if_changed()
    assert not tls.reload_if_changed()  # it is said once
    assert list(tls.troubles) == [CertificateFiles(certificate, key)]
    assert "b.example" in tls.certificates[0].names


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TlsSetupError, match="nowhere"):
        ServerTls(tmp_path / "nowhere.crt", tmp_path / "nowhere.key")


def test_a_client_sees_the_certificate_of_the_name_it_asks_for(tmp_path: Path) -> None:
    first = issue("mail.example.org")
    exact = issue("x", dns=("imap.example.net", "*.example.net"))
    wild = issue("*.example.net", dns=("*.example.net", "example.net"))
    files = [made(tmp_path / name, one) for name, one in (("f", first), ("e", exact), ("w", wild))]
    tls = ServerTls(files[0].certificate, files[0].key, more=lambda: files[1:])

    async def main() -> None:
        async with listening(hello, tls.context) as port:
            for version in (V12, V13):
                for name, wanted in (
                    (None, first),
                    ("mail.example.org", first),
                    ("stranger.example", first),
                    ("IMAP.example.NET", exact),
                    ("smtp.example.net", exact),
                    ("a.smtp.example.net", first),  # a wildcard stands for one label
                    ("example.net", wild),
                ):
                    assert await seen(port, shown_client(version=version), name) == wanted.der, name

    asyncio.run(main())


def test_a_certificate_of_an_authority_goes_before_a_self_signed_one(tmp_path: Path) -> None:
    authority = issue("Authority", ca=True)
    own = CertificateFiles(*self_signed(tmp_path, "mail.example.org", 100, NOW))
    more: list[CertificateFiles] = []
    tls = ServerTls(own.certificate, own.key, more=lambda: more, hostname="mail.example.org")
    assert tls.certificate == own.certificate
    more.append(made(tmp_path / "other", issue("other.example.org", authority)))
    assert tls.reload_if_changed()
    assert tls.certificate == own.certificate  # it does not name this server
    more.append(made(tmp_path / "better", issue("mail.example.org", authority)))
    assert tls.reload_if_changed()
    assert (tls.certificate, tls.key) == (more[1].certificate, more[1].key)
    assert tls.chosen("mail.example.org").files == more[1]
    assert tls.chosen("localhost").files == own
    more.pop()
    assert tls.reload_if_changed()
    assert tls.certificate == own.certificate


def test_a_half_written_pair_keeps_the_old_one_and_harms_no_other(tmp_path: Path) -> None:
    first, other = made(tmp_path / "a", issue("a.example")), made(tmp_path / "b", issue("b.example"))
    tls = ServerTls(first.certificate, first.key, more=lambda: [other])
    old = tls.chosen("a.example")
    replaced, renewed = issue("a.example"), issue("b.example")
    made(tmp_path / "new", replaced)
    first.certificate.write_bytes((tmp_path / "new" / "chain.pem").read_bytes())  # the key is not there yet
    renewed.write(tmp_path / "b")
    touch(first)
    touch(other)
    with pytest.raises(TlsSetupError, match=r"a/chain\.pem"):
        tls.reload_if_changed()
    assert tls.chosen("a.example") is old
    assert tls.chosen("b.example").context.end_point == hashlib.sha256(renewed.der).digest()
    first.key.write_bytes((tmp_path / "new" / "key.pem").read_bytes())
    assert tls.reload_if_changed()
    assert tls.chosen("a.example").context.end_point == hashlib.sha256(replaced.der).digest()
    assert not tls.troubles


def test_a_session_keeps_its_certificate_over_a_reload(tmp_path: Path) -> None:
    """Its channel binding is of the certificate that it was shown, not of the one in the files by now."""
    old, new = issue("mail.example.org"), issue("mail.example.org")
    files = made(tmp_path, old)
    tls = ServerTls(files.certificate, files.key)
    bindings: list[bytes | None] = []

    async def serve(connection: Connection) -> None:
        connection.send(b"hello\r\n")
        await connection.receive()
        bindings.append(connection.channel_binding())
        bindings.append(CompressedConnection(connection).channel_binding())
        connection.send(b"still here\r\n")

    async def main() -> None:
        async with listening(serve, tls.context) as port:
            client = await connect(port, shown_client())
            assert await client.receive() == b"hello\r\n"
            new.write(tmp_path)
            touch(files)
            assert tls.reload_if_changed()
            client.send(b"x")
            assert await client.receive() == b"still here\r\n"
            await client.close()
            later = await connect(port, shown_client())
            assert later.peer_certificates() == [new.der]
            await later.close()

    asyncio.run(main())
    assert bindings[:2] == [hashlib.sha256(old.der).digest()] * 2


def test_no_session_is_resumed_by_a_ticket_and_a_resumed_one_has_no_channel_binding(tmp_path: Path) -> None:
    files = made(tmp_path, issue("mail.example.org"))
    tls = ServerTls(files.certificate, files.key)
    bindings: list[bytes | None] = []

    async def serve(connection: Connection) -> None:
        bindings.append(connection.channel_binding())
        await hello(connection)

    def twice(port: int, version: ssl.TLSVersion) -> tuple[bool, bool]:
        """Whether the second one was resumed, and whether the first one got a ticket."""
        context, session = shown_client(version=version), None
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", port)) as sock,
                context.wrap_socket(sock, session=session) as over,
            ):
                assert over.recv(100) == b"hello\r\n"
                session, reused = over.session, bool(over.session_reused)
                ticket = session is not None and session.has_ticket
        return reused, ticket

    async def main() -> None:
        async with listening(serve, tls.context) as port:
            assert await asyncio.to_thread(twice, port, V13) == (False, False)
            assert await asyncio.to_thread(twice, port, V12) == (True, False)

    asyncio.run(main())
    assert [binding is None for binding in bindings] == [False, False, False, True]


def test_asking_without_authorities_is_refused(tmp_path: Path) -> None:
    files = made(tmp_path, issue("mail.example.org"))
    with pytest.raises(TlsSetupError, match="client_authorities"):
        ServerTls(files.certificate, files.key).front(clients="ask")
