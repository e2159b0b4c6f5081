"""Binary mail in mailboxes and in the queue."""

import pytest
from tests.servers.smtp.room import Room

from postroom.intake import Route
from postroom.intake.binary_mail import Unreadable, readable
from postroom.queue import Envelope, Recipient
from postroom.store import Draft

from .test_pipeline import in_room, pieces, take_routes

BINARY = Envelope("a@bar.com", body_8bit=True, binary=True)
HEAD = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n"
KEPT = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n"
NUL_AND_MORE = b"\0\n\r\xff"


async def routed(room: Room, *addresses: str, notify: frozenset[str] | None = None) -> list[Route]:
    return [await room.intake.route(Recipient(address, notify)) for address in addresses]


def content(message: bytes) -> bytes:
    """Without the trace fields."""
    return message[message.index(b"Subject: x\r\n") :]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (HEAD + NUL_AND_MORE, KEPT + b"AAoN/w==\r\n"),
        (HEAD + b"a\nb", KEPT + b"YQpi\r\n"),
        (HEAD + b"a\rb", KEPT + b"YQ1i\r\n"),
        (HEAD + b"a\r", KEPT + b"YQ0=\r\n"),
        (HEAD + b"a\r\nb\xff" + b"x" * 5000, HEAD + b"a\r\nb\xff" + b"x" * 5000),  # 8-bit text with long lines
    ],
)
def test_a_mailbox_gets_what_its_readers_can_take(sent: bytes, kept: bytes) -> None:
    async def body(room: Room) -> None:
        for to in (["bob@foo.com"], ["bob@foo.com", "jones@foo.com"]):
            await take_routes(room, await routed(room, *to), text=sent, envelope=BINARY)
        assert [content(message) for message in await room.messages("bob@foo.com")] == [kept, kept]

    in_room(body)


def test_what_goes_on_is_as_it_came() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("both@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
        await take_routes(room, await routed(room, "both@foo.com"), text=HEAD + NUL_AND_MORE, envelope=BINARY)
        ((_, _, queued),) = await room.queued()
        assert content(queued) == HEAD + NUL_AND_MORE
        (entry,) = await room.queue.entries()
        assert entry.message.envelope.binary
        (message,) = await room.messages("bob@foo.com")
        assert content(message) == KEPT + b"AAoN/w==\r\n"

    in_room(body)


def test_a_queued_message_for_somebody_here() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("both@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
        sent = HEAD + NUL_AND_MORE
        await room.intake.deliver_local(BINARY, "both@foo.com", pieces(sent), "elsewhere-1")
        assert [content(message) for message in await room.messages("bob@foo.com")] == [KEPT + b"AAoN/w==\r\n"]
        assert [queued for _, _, queued in await room.queued()] == [sent]

    in_room(body)


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"x-none"])
def test_a_nul_in_an_encoded_part_is_refused(encoding: bytes) -> None:
    async def body(room: Room) -> None:
        sent = b"Subject: x\r\nContent-Transfer-Encoding: %b\r\n\r\n\0" % encoding
        with pytest.raises(Unreadable):
            await take_routes(room, await routed(room, "bob@foo.com"), text=sent, envelope=BINARY)
        assert await room.messages("bob@foo.com") == []

    in_room(body)


def test_a_full_disk_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        with room.store.draft() as binary:
            binary.write(HEAD + NUL_AND_MORE)
            binary.finish()
            closed: list[Draft] = []
            close = Draft.close

            def full(self: Draft, piece: bytes) -> None:
                raise OSError("no space left on device")

            def noted(self: Draft) -> None:
                closed.append(self)
                close(self)

            monkeypatch.setattr(Draft, "write", full)
            monkeypatch.setattr(Draft, "close", noted)
            with pytest.raises(OSError, match="no space"):
                await readable(binary, room.store)
            assert len(closed) == 1

    in_room(body)
