"""Posts to a mailing list: who may, what the members get, once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.servers.smtp.room import Room, make_room

from postroom.accounts import MailingList, Posting
from postroom.base import MailError
from postroom.intake import MailLoop, PostingRefused, Source
from postroom.queue import Envelope, Recipient

CAROL = "carol@c.test"
POST = b"From: Carol <carol@c.test>\r\nTo: news@foo.com\r\nSubject: hello\r\nList-Post: <mailto:x@y>\r\n\r\nbody\r\n"


def with_list(body: Callable[[Room, MailingList], Awaitable[None]], posting: Posting = "members") -> None:
    """The list news@foo.com: bob is its owner, jones and carol@c.test are members."""

    async def run() -> None:
        with TemporaryDirectory() as folder:
            room = await make_room(Path(folder))
            news = await room.directory.lists.create(MailingList(0, "news@foo.com", ("bob@foo.com",), posting))
            await room.directory.lists.add_members("news@foo.com", ("jones@foo.com", CAROL))
            await body(room, news)
            await room.directory.close()
            await room.store.close()
            assert not list((Path(folder) / "spool").glob("*")), "a draft was not closed"

    asyncio.run(run())


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def take(
    room: Room, *to: str, text: bytes = POST, sender: str = CAROL, each: bool = False
) -> list[MailError | None]:
    routes = [await room.intake.route(Recipient(address)) for address in to]
    reception = room.intake.receive(Source("c.test", "192.0.2.1"))
    try:
        reception.write(text)
        return await reception.finish(Envelope(sender), routes, each=each)
    finally:
        reception.close()


async def give_out(room: Room) -> None:
    """What the queue's runner does with what is for addresses here."""
    for entry in await room.queue.entries():
        if entry.destination == "foo.com":
            message, address = entry.message, entry.recipient.address
            whole = message.lead + await room.queue.read(message.message_id, 0, 1 << 30)
            await room.intake.deliver_local(message.envelope, address, pieces(whole), message.message_id)
            await room.queue.finish([entry.entry_id])


def test_each_member_gets_the_post_with_an_address_and_a_link_of_their_own() -> None:
    async def body(room: Room, news: MailingList) -> None:
        await room.directory.lists.change(replace(news, title="Our news"))
        assert await take(room, "NEWS@foo.com") == [None]
        (entry,) = await room.queue.entries()
        assert entry.recipient.address == "news@foo.com"
        await give_out(room)
        local, away = await room.queue.entries()
        assert local.message.message_id == away.message.message_id
        assert [one.recipient.address for one in (local, away)] == ["jones@foo.com", CAROL]
        senders = [one.message.envelope.mail_from for one in (local, away)]
        assert all(one.startswith("news-bounces+") and one.endswith("@foo.com") for one in senders)
        assert len(set(senders)) == 2
        content = (await room.queue.read(away.message.message_id, 0, 10_000)).decode()
        assert content.startswith('List-Id: "Our news" <news.foo.com>\r\nList-Post: <mailto:news@foo.com>\r\n')
        assert content.count("List-Post") == 1
        assert content.endswith("From: Carol <carol@c.test>\r\nTo: news@foo.com\r\nSubject: hello\r\n\r\nbody\r\n")
        (member,) = [one for one in await room.directory.lists.members(1) if one.address == CAROL]
        (token,) = await room.directory.lists.tokens("unsubscribe", [member])
        assert away.message.lead == f"List-Unsubscribe: <mailto:news-unsubscribe+{token}@foo.com>\r\n".encode()
        await give_out(room)
        (message,) = await room.messages("jones@foo.com")
        assert message.startswith(f"Return-Path: <{senders[0]}>\r\nList-Unsubscribe: <mailto:".encode())
        assert await room.messages("bob@foo.com") == []  # an owner is no member

    with_list(body)


def test_a_post_that_is_given_out_again_after_a_crash_is_sent_once() -> None:
    async def body(room: Room, news: MailingList) -> None:
        await take(room, "news@foo.com")
        (entry,) = await room.queue.entries()
        whole = await room.queue.read(entry.message.message_id, 0, 10_000)
        for _ in range(2):
            await room.intake.deliver_local(
                entry.message.envelope, "news@foo.com", pieces(whole), entry.message.message_id
            )
        assert len(await room.queue.entries()) == 3  # the post itself is still there

    with_list(body)


def test_an_alias_of_a_list_and_a_suspended_member() -> None:
    async def body(room: Room, news: MailingList) -> None:
        await room.directory.set_alias("all@foo.com", ("news@foo.com", "brown@foo.com"))
        jones, _ = await room.directory.lists.members(1)
        await room.directory.lists.keep(replace(jones, suspended=True))
        assert await take(room, "all@foo.com") == [None]
        assert len(await room.messages("brown@foo.com")) == 1
        await give_out(room)
        assert [one.recipient.address for one in await room.queue.entries()] == [CAROL]
        await room.directory.lists.remove_members("news@foo.com", (CAROL,))
        await room.queue.remove(["all"])
        await take(room, "news@foo.com", text=POST.replace(b"carol@c.test", b"bob@foo.com"), sender="bob@foo.com")
        await give_out(room)
        assert await room.queue.entries() == []  # nobody is left

    with_list(body)


def test_the_prefix_of_subjects() -> None:
    async def body(room: Room, news: MailingList) -> None:
        await room.directory.lists.change(replace(news, prefix="[news]"))
        await take(room, "news@foo.com")
        await give_out(room)
        assert b"\r\nSubject: [news] hello\r\n" in (await room.queued())[0][2]

    with_list(body)


@pytest.mark.parametrize(
    ("posting", "author", "sender", "may"),
    [
        ("members", CAROL, CAROL, True),
        ("members", "Carol@C.TEST", "bounces+1@c.test", True),  # of the author's domain
        ("members", CAROL, "x@elsewhere.test", False),
        ("members", CAROL, "jones@foo.com", True),  # another member's
        ("members", "x@elsewhere.test", CAROL, False),
        ("members", "bob@foo.com", "bob@foo.com", True),
        ("members", "named@d.test", "named@d.test", True),
        ("members", f"{CAROL}, x@elsewhere.test", CAROL, False),
        ("owners", CAROL, CAROL, False),
        ("owners", "named@d.test", "named@d.test", False),
        ("owners", "bob@foo.com", "bob@foo.com", True),
        ("named", "named@d.test", "named@d.test", True),
        ("named", CAROL, CAROL, False),
        ("anyone", "x@elsewhere.test", "y@another.test", True),
        ("anyone", "x@elsewhere.test", "", False),
    ],
)
def test_who_may_post(posting: Posting, author: str, sender: str, may: bool) -> None:
    async def body(room: Room, news: MailingList) -> None:
        await room.directory.lists.change(replace(news, posters=("named@d.test",)))
        text = f"From: {author}\r\nSubject: x\r\n\r\nx\r\n".encode()
        if may:
            assert await take(room, "news@foo.com", text=text, sender=sender) == [None]
            return
        with pytest.raises(PostingRefused) as caught:
            await take(room, "news@foo.com", text=text, sender=sender)
        assert (caught.value.code, caught.value.enhanced) == (550, "5.7.2")
        assert await room.queue.entries() == []

    with_list(body, posting)


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (b"List-Id: Me <NEWS.foo.com>\r\n", MailLoop),
        (b"Auto-Submitted: auto-replied (vacation)\r\n", PostingRefused),
        (b"Auto-Submitted: auto-generated\r\n", None),  # a report of a program is a post like any other
        (b"List-Id: <other.foo.com>\r\n", None),
    ],
)
def test_what_is_not_for_a_list(header: bytes, error: type[MailError] | None) -> None:
    async def body(room: Room, news: MailingList) -> None:
        if error is None:
            assert await take(room, "news@foo.com", text=header + POST) == [None]
            return
        with pytest.raises(error):
            await take(room, "news@foo.com", text=header + POST)
        refused, taken = await take(room, "news@foo.com", "bob@foo.com", text=header + POST, each=True)
        assert isinstance(refused, error)
        assert taken is None

    with_list(body)


def test_a_refused_post_with_other_recipients_is_returned_by_the_queue() -> None:
    async def body(room: Room, news: MailingList) -> None:
        text = POST.replace(b"carol@c.test", b"x@elsewhere.test")
        assert await take(room, "news@foo.com", "bob@foo.com", text=text) == [None, None]
        assert len(await room.messages("bob@foo.com")) == 1
        with pytest.raises(PostingRefused):
            await give_out(room)

    with_list(body)
