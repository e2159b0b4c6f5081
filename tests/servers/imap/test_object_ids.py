"""Object identifiers (RFC 8474)."""

from pathlib import Path

from postroom.servers.imap.object_ids import email_id, mailbox_id, parse_object_id, thread_id

from .room import both_stores, message, open_room, run


def test_what_is_written_is_read() -> None:
    assert parse_object_id(mailbox_id(3, 7), b"F", 3) == 7
    assert parse_object_id(email_id(3, 8), b"M", 3) == 8
    assert parse_object_id(thread_id(3, 9), b"T", 3) == 9


def test_what_is_foreign_is_none() -> None:
    for raw in (b"M3-8", b"F4-7", b"F3-0", b"F3-", b"", b"F3-7x", b"F03-7"):
        assert parse_object_id(raw, b"F", 3) is None


@both_stores
def test_copies_share_the_email_id_and_answers_the_thread(tmp_path: Path, kind: str) -> None:
    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            await room.deliver(b"Message-ID: <1@x>\r\nSubject: a\r\n\r\nx\r\n")
            await room.deliver(b"Message-ID: <2@x>\r\nReferences: <1@x>\r\nSubject: Re: a\r\n\r\nx\r\n")
            await room.deliver(message("other"))
            client = await room.client("INBOX")
            said = await client.ok("FETCH 1:3 (EMAILID THREADID)")
            assert said == [
                b"* 1 FETCH (EMAILID (M1-1) THREADID (T1-1))",
                b"* 2 FETCH (EMAILID (M1-2) THREADID (T1-1))",
                b"* 3 FETCH (EMAILID (M1-3) THREADID (T1-3))",
            ]
            await client.ok("COPY 2 Archive")
            await client.ok("SELECT Archive")
            assert await client.ok("FETCH 1 (EMAILID THREADID)") == [b"* 1 FETCH (EMAILID (M1-2) THREADID (T1-1))"]

    run(play())
