"""One connection: STARTTLS, and servers that speak out of turn."""

import asyncio
from pathlib import Path

import pytest
from tests.directories.ldap_server import LdapServer, ldap
from tests.ldap.test_messages import done, reply

from postroom.directories import SourceDown
from postroom.ldap import ber


def test_starttls(tmp_path: Path) -> None:
    async def body() -> None:
        async with ldap(folder=tmp_path) as it:
            assert await it.source.authenticate("bob", "secret", "imap")

    asyncio.run(body())


def test_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    async def body() -> None:
        server = LdapServer()
        async with ldap(server, folder=tmp_path) as it:
            urls = (f"ldap://127.0.0.1:{server.port}",)  # the certificate names localhost
            async with ldap(LdapServer(), folder=tmp_path / "other", urls=urls) as other:
                with pytest.raises(SourceDown, match="certificate"):
                    await other.source.authenticate("bob", "secret", "imap")
            assert server.asked == []  # no password has left
            assert await it.source.find("bob@example.org")

    asyncio.run(body())


def test_octets_between_starttls_and_tls_end_the_connection(tmp_path: Path) -> None:
    """What somebody on the way adds in the clear is not taken for the server's."""

    async def body() -> None:
        injected = reply(2, 0x61, done(0))
        async with ldap(LdapServer(after_start_tls=injected), folder=tmp_path) as it:
            with pytest.raises(SourceDown):
                await it.source.authenticate("bob", "secret", "imap")

    asyncio.run(body())


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"220 mail.example.org ESMTP\r\n", "no LDAP message"),
        (reply(9, 0x65, done(0)), "not asked"),
        (reply(0, 0x78, done(52, b"going down") + ber.element(0x8A, b"1.3.6.1.4.1.1466.20036")), "going down"),
        (reply(1, 0x61, done(0)), "no answer to a search"),
        (reply(1, 0x64, b"\x04\x82\xff\xff"), "not whole"),
        (b"\x30\x84\x00\x20\x00\x00", "more than"),
        (reply(1, 0x73, b"x" * 1000) * 6, "more than"),
        (b"\x30\x80\x00\x00", "indefinite"),
        (b"", "closed"),
    ],
)
def test_servers_that_speak_out_of_turn(octets: bytes, words: str) -> None:
    async def body() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(octets)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        urls = (f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}",)
        async with ldap(urls=urls, max_answer_octets=4096) as it:
            with pytest.raises(SourceDown, match=words):
                await it.source.find("bob@example.org")
        server.close()
        await server.wait_closed()

    asyncio.run(body())
