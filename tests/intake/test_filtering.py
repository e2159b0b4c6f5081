"""What becomes of a message that filters have seen: over real sockets on both sides."""

import asyncio
import json

import pytest
from tests.filters.milters import CONTINUE, DISCARD, REJECT, Milter
from tests.filters.peers import Talk
from tests.filters.test_clamav import clamd
from tests.filters.test_rspamd import response
from tests.filters.test_service import hangs, rspamd
from tests.intake.filter_room import FilterRoom, with_filters
from tests.servers.smtp.room import client

from postroom.accounts import MailingList

AUTH = "AUTH PLAIN AGJvYkBmb28uY29tADEyMzQ="  # bob@foo.com
TEXT = "From: a@bar.com\r\nSubject: Hello\r\n\r\nBody"


def at_end(*packets: tuple[bytes, bytes]) -> Talk:
    return Milter(says={b"E": [*packets, CONTINUE]}).talk


def test_a_refusal_reaches_the_sender() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert await peer.mail("bob@foo.com") == "550 5.7.1 The message contains Worm"
        assert await room.messages("bob@foo.com") == []
        assert room.notes.last("filtered") == {"action": "reject", "why": "a: Worm found", "by": ["a: Worm found"]}
        assert room.notes.last("refused")["reply"] == "550 5.7.1 The message contains Worm"

    with_filters(body, ("clamav", clamd(lambda octets: b"Worm FOUND"), {}))


def test_junk_goes_into_junk_with_its_marks() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("250")
        (message,) = await room.messages("bob@foo.com", "Junk")
        head = message.split(b"\r\n")
        assert head[1] == b"Postroom-Quarantine: a: add header, 7 of 15"
        assert message.index(b"Received: ") < message.index(b"X-Spam: Yes") < message.index(b"Subject: x")

    with_filters(body, ("rspamd", rspamd(action="add header", score=7), {}))


def test_points_of_filters_count_in_the_score() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("550")
        assert "+40.0 filter.a: no action, 40 of 15" in room.notes.last("scored")["parts"]

    with_filters(body, ("rspamd", rspamd(score=40), {}))


def test_a_filter_that_hangs_lets_the_sender_try_again() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("451 4.7.1")
        assert await room.messages("bob@foo.com") == []

    with_filters(body, ("clamav", hangs, {"timeout_seconds": 0.1}))


def test_a_changed_message_is_the_one_that_is_kept_and_sent() -> None:
    changed = at_end(
        (b"m", b"\0\0\0\1Subject\0Changed\0"), (b"h", b"X-Seen\0yes\0"), (b"b", b"New "), (b"b", b"body \xc3\xbc\n")
    )

    async def body(room: FilterRoom) -> None:
        await room.directory.set_alias("both@foo.com", ("bob@foo.com", "far@away.test"))
        async with client(room, "smtp") as peer:
            assert (await peer.mail("both@foo.com", text=TEXT)).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        wanted = b"X-Seen: yes\r\nFrom: a@bar.com\r\nSubject: Changed\r\n\r\nNew body \xc3\xbc\r\n"
        assert message.endswith(wanted)
        ((_, _, queued),) = await room.queued()
        assert queued.endswith(wanted)
        (entry,) = await room.queue.entries()
        assert entry.message.envelope.body_8bit

    with_filters(body, ("milter", changed, {}))


def test_a_large_message_is_rewritten_from_piece_to_piece() -> None:
    async def body(room: FilterRoom) -> None:
        large = "\r\n".join(["x" * 70] * 40_000)
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com", text=f"Subject: big\r\n\r\n{large}")).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        assert message.endswith(f"Subject: New\r\n\r\n{large}\r\n".encode())

    with_filters(body, ("milter", at_end((b"m", b"\0\0\0\1Subject\0New\0")), {}))


def test_recipients_and_sender_are_changed() -> None:
    changed = at_end(
        (b"-", b"<bob@foo.com>\0"), (b"+", b"<brown@foo.com>\0"), (b"+", b"<far@away.test>\0"), (b"e", b"<x@bar.com>\0")
    )

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com", "jones@foo.com")).startswith("250")
        assert await room.messages("bob@foo.com") == []
        for address in ("jones@foo.com", "brown@foo.com"):
            (message,) = await room.messages(address)
            assert message.startswith(b"Return-Path: <x@bar.com>\r\n")
        assert await room.queued() == []  # who has not signed in sends nothing to others, nor does a filter for them
        assert room.notes.last("not delivered")["to"] == "far@away.test"

    with_filters(body, ("milter", changed, {}))


def test_a_filter_may_add_whom_a_person_might_have_written_to() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "submission") as peer:
            await peer.say(AUTH)
            assert (
                await peer.mail("jones@foo.com", sender="bob@foo.com", text="From: bob@foo.com\r\n\r\nx")
            ).startswith("250")
        assert [to for _, to, _ in await room.queued()] == ["far@away.test"]

    with_filters(body, ("milter", at_end((b"2", b"<far@away.test>\0NOTIFY=NEVER\0")), {}))


def test_when_nobody_is_to_get_it_all_have_it_in_junk() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("250")
        assert len(await room.messages("bob@foo.com", "Junk")) == 1

    with_filters(body, ("milter", at_end((b"-", b"<bob@foo.com>\0")), {}))


def test_what_is_discarded_is_in_junk() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("250")
        assert len(await room.messages("bob@foo.com", "Junk")) == 1

    with_filters(body, ("milter", Milter(says={b"M": [DISCARD]}).talk, {}))


def test_each_recipient_of_lmtp_has_an_answer() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "lmtp", hello="LHLO bar.com") as peer:
            said = ["MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "RCPT TO:<jones@foo.com>", "DATA"]
            await peer.say(*said)
            await peer.send("Subject: x", "", "text", ".")
            assert [(await peer.lines())[-1][:3] for _ in range(2)] == ["250", "250"]
        assert await room.messages("bob@foo.com") == []
        assert len(await room.messages("jones@foo.com")) == 1

    with_filters(body, ("milter", at_end((b"-", b"<bob@foo.com>\0")), {}))


def test_lists_take_no_junk() -> None:
    async def body(room: FilterRoom) -> None:
        await room.directory.lists.create(MailingList(0, "crew@foo.com", ("bob@foo.com",), posting="anyone"))
        async with client(room, "smtp") as peer:
            assert await peer.mail("crew@foo.com") == "550 5.7.1 The list takes no mail that looks like junk"

    with_filters(body, ("rspamd", rspamd(action="add header", score=1), {}))


def test_milters_refuse_at_their_commands() -> None:
    def answers(kind: bytes, data: bytes) -> list[tuple[bytes, bytes]] | None:
        if kind == b"M" and data.startswith(b"<bad@"):
            return [(b"y", b"554 5.7.7 No such sender\0")]
        if kind == b"R" and data.startswith(b"<jones@"):
            return [REJECT]
        return None

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert await peer.say("MAIL FROM:<bad@bar.com>") == ["554 5.7.7 No such sender"]
            replies = await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<jones@foo.com>", "RCPT TO:<bob@foo.com>")
            assert replies[-1].startswith("250")
            await peer.say("DATA")
            assert (await peer.say("Subject: x\r\n\r\ntext\r\n."))[0].startswith("250")
        assert await room.messages("jones@foo.com") == []
        assert len(await room.messages("bob@foo.com")) == 1

    with_filters(body, ("milter", Milter(answers=answers).talk, {}))


def test_a_milter_turns_a_client_away() -> None:
    async def body(room: FilterRoom) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", room.port("smtp"))
        assert await reader.read() == b"421 4.3.2 foo.com go away\r\n"
        writer.close()

    with_filters(body, ("milter", Milter(says={b"C": [(b"y", b"421 4.3.2 go away\0")]}).talk, {}))


def test_mail_of_people_may_be_left_out() -> None:
    async def body(room: FilterRoom) -> None:
        async with client(room, "submission") as peer:
            await peer.say(AUTH)
            sent = await peer.mail("jones@foo.com", sender="bob@foo.com", text="From: bob@foo.com\r\n\r\nx")
            assert sent.startswith("250")
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("550")

    with_filters(body, ("rspamd", rspamd(action="reject", score=50), {"signed_in": False}))


def test_spamassassin_sees_our_trace_fields() -> None:
    got: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"text\r\n"))
        writer.write(b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5.0\r\n\r\n")

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("250")
        message = got[0].partition(b"\r\n\r\n")[2]
        assert message.startswith(b"Return-Path: <a@bar.com>\r\nReceived: from bar.com ([127.0.0.1])")

    with_filters(body, ("spamassassin", talk, {}))


def test_rspamd_is_told_of_the_client() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]))
        writer.write(response(json.dumps({"action": "no action", "score": 0}).encode()))

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            await peer.mail("bob@foo.com", "jones@foo.com")
        lines = heads[0].decode().split("\r\n")
        assert {"IP: 127.0.0.1", "Helo: bar.com", "From: a@bar.com", "Rcpt: bob@foo.com", "Rcpt: jones@foo.com"} <= set(
            lines
        )
        assert any(line.startswith("Queue-Id: m") for line in lines)

    with_filters(body, ("rspamd", talk, {}))


@pytest.mark.parametrize("policy", ["tag", "accept"])
def test_a_milter_that_dies_in_the_middle_follows_its_policy(policy: str) -> None:
    def answers(kind: bytes, data: bytes) -> list[tuple[bytes, bytes]] | None:
        if kind == b"B":
            raise ConnectionResetError
        return None

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("250")
            assert (await peer.mail("bob@foo.com")).startswith("250")  # the session goes on
        messages = await room.messages("bob@foo.com")
        assert len(messages) == 2
        assert all((b"Postroom-Unfiltered: a (it did not answer)\r\n" in one) == (policy == "tag") for one in messages)

    with_filters(body, ("milter", Milter(answers=answers).talk, {"on_failure": policy}))
