"""BDAT over real sockets: what becomes of chunks, and of what hides in them."""

import asyncio
import base64

import pytest

from postroom.servers.smtp.session import _Session
from postroom.smtp import SmtpSettings

from .room import Client, client, serving

MAIL, RCPT = b"MAIL FROM:<a@bar.com>\r\n", b"RCPT TO:<bob@foo.com>\r\n"


def chunk(data: bytes, *, last: bool = False) -> bytes:
    return b"BDAT %d%b\r\n%b" % (len(data), b" LAST" if last else b"", data)


async def codes(peer: Client, said: bytes, replies: int) -> list[int]:
    peer.writer.write(said)
    return [await peer.code() for _ in range(replies)]


def test_a_message_in_chunks_arrives() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            content = b"Subject: x\r\n\r\n.\r\nQUIT\r\nMAIL FROM:<evil@bar.com>\r\n"
            parts = chunk(content[:11]) + chunk(content[11:30]) + chunk(content[30:], last=True)
            assert await codes(peer, MAIL + RCPT + parts, 5) == [250] * 5
            (message,) = await room.messages("bob@foo.com")
            assert message.endswith(b"\r\n" + content)
            assert message.startswith(b"Return-Path: <a@bar.com>\r\nReceived: from bar.com ")

    asyncio.run(body())


def test_binary_mail_is_kept_exactly_in_the_queue() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            await room.directory.set_alias("both@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
            octets = bytes(range(256)) * 300
            content = b"Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + octets
            said = b"MAIL FROM:<a@bar.com> BODY=BINARYMIME\r\nRCPT TO:<both@foo.com>\r\n"
            assert await codes(peer, said + chunk(content, last=True), 3) == [250] * 3
            ((_, _, queued),) = await room.queued()
            assert queued.endswith(content)
            (message,) = await room.messages("bob@foo.com")
            assert base64.b64decode(message.partition(b"\r\n\r\n")[2]) == octets

    asyncio.run(body())


def test_lmtp_answers_the_last_chunk_for_each_recipient() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "lmtp", hello="LHLO bar.com") as peer:
            recipients = RCPT + b"RCPT TO:<nobody@foo.com>\r\nRCPT TO:<jones@foo.com>\r\n"
            await room.directory.set_quota("jones@foo.com", 100, None)
            said = MAIL + recipients + chunk(b"Subject: x\r\n\r\n") + chunk(b"x" * 200, last=True)
            assert await codes(peer, said, 7) == [250, 250, 550, 250, 250, 250, 452]
            assert len(await room.messages("bob@foo.com")) == 1

    asyncio.run(body())


@pytest.mark.parametrize("end", [b"RSET\r\n", b"EHLO bar.com\r\n", chunk(b"x" * 65_536)])
def test_what_will_not_be_finished_is_dropped_at_once(end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions: list[_Session] = []
    run = _Session.run

    async def noted(self: _Session) -> None:
        sessions.append(self)
        await run(self)

    monkeypatch.setattr(_Session, "run", noted)

    async def body() -> None:
        small = SmtpSettings(max_message_octets=65_536)
        async with serving(small) as room, client(room, "smtp") as peer:
            assert await codes(peer, MAIL + RCPT + chunk(b"Subject: x\r\n"), 3) == [250] * 3
            begun = sessions[0]._reception
            await codes(peer, end + b"NOOP\r\n", 2)
            assert (begun is None, sessions[0]._reception) == (False, None)
            assert await room.messages("bob@foo.com") == []

    asyncio.run(body())


def test_chunks_that_are_refused_leave_the_session_in_step() -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            said = MAIL + b"RCPT TO:<nobody@foo.com>\r\n" + chunk(b"QUIT\r\n") + chunk(b"DATA\r\n", last=True)
            assert await codes(peer, said + b"NOOP\r\n", 5) == [250, 550, 554, 554, 250]
            assert await codes(peer, MAIL + RCPT + chunk(b"a\nb", last=True), 3) == [250, 250, 550]
            assert await codes(peer, MAIL + RCPT + chunk(b"a\r\nb", last=True), 3) == [250, 250, 250]
            assert len(await room.messages("bob@foo.com")) == 1

    asyncio.run(body())
