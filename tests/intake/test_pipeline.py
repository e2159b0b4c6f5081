"""What becomes of a message: who gets it, what the sender is told, what is never done twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.servers.smtp.room import Room, make_room

from postroom.base import MailError, Spool
from postroom.intake import MailLoop, NoSpace, Route, Source, UnknownUser
from postroom.queue import Envelope, QueueFull, Recipient
from postroom.store import Appended, AppendOptions, Draft, OverQuota, StoreFailure
from postroom.store.memory import MemoryAccount

SOURCE = Source("bar.com", "192.0.2.1")
FROM = Envelope("a@bar.com")


def in_room(body: Callable[[Room], Awaitable[None]]) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder:
            room = await make_room(Path(folder))
            await body(room)
            await room.directory.close()
            await room.store.close()
            assert not list((Path(folder) / "spool").glob("*")), "a draft was not closed"

    asyncio.run(run())


async def take(
    room: Room, *addresses: str, text: bytes = b"Subject: x\r\n\r\n", each: bool = False, source: Source = SOURCE
) -> list[MailError | None]:
    routes = [await room.intake.route(Recipient(address), sender=source.person) for address in addresses]
    return await take_routes(room, routes, text=text, each=each, source=source)


async def take_routes(
    room: Room,
    routes: list[Route],
    *,
    text: bytes = b"Subject: x\r\n\r\n",
    each: bool = False,
    source: Source = SOURCE,
    envelope: Envelope = FROM,
) -> list[MailError | None]:
    reception = room.intake.receive(source)
    try:
        for at in range(0, len(text), 65536):
            reception.write(text[at : at + 65536])
        return await reception.finish(envelope, routes, each=each)
    finally:
        reception.close()


class Failing:
    """Makes deliveries into some accounts fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: dict[int, Exception]) -> None:
        self.failures = failures
        original = MemoryAccount.append

        async def append(account: MemoryAccount, mailbox: str, draft: Draft, options: AppendOptions) -> Appended:
            if account.account_id in self.failures:
                raise self.failures[account.account_id]
            return await original(account, mailbox, draft, options)

        monkeypatch.setattr(MemoryAccount, "append", append)


async def account_id(room: Room, address: str) -> int:
    return next(p.account_id for p in await room.directory.people() if p.address == address)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


def test_one_failure_among_several_goes_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        failing = Failing(monkeypatch, {await account_id(room, "jones@foo.com"): StoreFailure("disk")})
        assert await take(room, "bob@foo.com", "jones@foo.com") == [None, None]
        assert len(await room.messages("bob@foo.com")) == 1
        assert await room.messages("jones@foo.com") == []
        (entry,) = await room.queue.entries()
        assert entry.recipient.address == "jones@foo.com"
        message_id = entry.message.message_id
        content = await room.queue.read(message_id, 0, 10_000)
        assert content.startswith(b"Received: ")
        # The delivery runner tries again, and once more after a crash before it could tell the queue.
        failing.failures.clear()
        for _ in range(2):
            await room.intake.deliver_local(FROM, "jones@foo.com", pieces(content), message_id)
        (message,) = await room.messages("jones@foo.com")
        assert message == b"Return-Path: <a@bar.com>\r\n" + content

    in_room(body)


def test_a_delivery_that_was_committed_before_it_seemed_to_fail_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def body(room: Room) -> None:
        jones = await account_id(room, "jones@foo.com")
        original = MemoryAccount.append

        async def append(account: MemoryAccount, mailbox: str, draft: Draft, options: AppendOptions) -> Appended:
            appended = await original(account, mailbox, draft, options)
            if account.account_id == jones:
                raise StoreFailure("the answer was lost")
            return appended

        monkeypatch.setattr(MemoryAccount, "append", append)
        await take(room, "bob@foo.com", "jones@foo.com")
        monkeypatch.undo()
        (entry,) = await room.queue.entries()
        content = await room.queue.read(entry.message.message_id, 0, 10_000)
        await room.intake.deliver_local(FROM, "jones@foo.com", pieces(content), entry.message.message_id)
        assert len(await room.messages("jones@foo.com")) == 1

    in_room(body)


def test_when_all_fail_the_sender_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        bob, jones = await account_id(room, "bob@foo.com"), await account_id(room, "jones@foo.com")
        permanent = MailError(code=550, enhanced="5.2.0", text="No")
        failing = Failing(monkeypatch, {bob: permanent, jones: OverQuota("full")})
        with pytest.raises(MailError) as caught:  # one of them may still work: the whole is temporary
            await take(room, "bob@foo.com", "jones@foo.com")
        assert caught.value.code == 452
        failing.failures[jones] = permanent
        with pytest.raises(MailError) as caught:
            await take(room, "bob@foo.com", "jones@foo.com")
        assert caught.value.code == 550
        failing.failures[jones] = ZeroDivisionError("bug")
        with pytest.raises(MailError) as caught:
            await take(room, "bob@foo.com", "jones@foo.com")
        assert caught.value.code == 451
        assert await room.queue.entries() == []

    in_room(body)


def test_lmtp_has_an_answer_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        Failing(monkeypatch, {await account_id(room, "jones@foo.com"): OverQuota("full")})
        await room.directory.set_alias("both@foo.com", ("bob@foo.com", "jones@foo.com"))
        await room.directory.set_alias("away@foo.com", ("carol@elsewhere.org",))
        first, second, third, fourth, fifth = await take(
            room, "bob@foo.com", "jones@foo.com", "both@foo.com", "away@foo.com", "jones@foo.com", each=True
        )
        assert (first, third, fourth) == (None, None, None)
        assert isinstance(second, OverQuota)
        assert isinstance(fifth, OverQuota)
        assert len(await room.messages("bob@foo.com")) == 1
        # jones by the alias is accepted, as bob has the message: so the queue goes on trying
        assert [r for _, r, _ in await room.queued()] == ["carol@elsewhere.org", "jones@foo.com"]

    in_room(body)


def test_a_full_queue_is_told_before_anything_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        async def full(*arguments: object, **options: object) -> str:
            raise QueueFull("full")

        await room.directory.set_alias("both@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
        monkeypatch.setattr(room.queue, "enqueue", full)
        with pytest.raises(QueueFull):
            await take(room, "both@foo.com", "jones@foo.com")
        assert await room.messages("bob@foo.com") == []
        assert await room.messages("jones@foo.com") == []
        await room.directory.set_alias("away@foo.com", ("carol@elsewhere.org",))
        outcomes = await take(room, "away@foo.com", "jones@foo.com", each=True)
        assert isinstance(outcomes[0], QueueFull)
        assert outcomes[1] is None

    in_room(body)


def test_a_detail_names_a_mailbox_where_there_is_one() -> None:
    async def body(room: Room) -> None:
        account = await room.store.open(await account_id(room, "bob@foo.com"))
        await account.create("Lists")
        special = next(m.name for m in await account.mailboxes() if m.special_use == "\\Sent")
        account.close()
        await take(room, "bob+lists@foo.com")
        await take(room, "bob+nothing@foo.com")
        await take(room, f"bob+{special}@foo.com")
        await take(room, "bob+inbox@foo.com")
        assert len(await room.messages("bob@foo.com", "Lists")) == 1
        assert len(await room.messages("bob@foo.com", special)) == 0
        assert len(await room.messages("bob@foo.com")) == 3

    in_room(body)


def test_forwarding_with_a_copy_kept_is_not_forwarded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        failing = Failing(monkeypatch, {await account_id(room, "bob@foo.com"): StoreFailure("disk")})
        await room.directory.set_alias("bob@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
        await take(room, "bob@foo.com")
        forward, later = await room.queue.entries()
        assert (forward.recipient.address, later.recipient.address) == ("carol@elsewhere.org", "bob@foo.com")
        failing.failures.clear()
        await room.intake.deliver_local(FROM, "bob@foo.com", pieces(b"x\r\n"), later.message.message_id)
        assert len(await room.messages("bob@foo.com")) == 1
        assert len(await room.queue.entries()) == 2
        # A report to that address is new: it goes to both, also when its id is made of the message's.
        report = f"{forward.message.message_id}.failed-1"
        await room.intake.deliver_local(Envelope(""), "bob@foo.com", pieces(b"y\r\n"), report)
        assert len(await room.messages("bob@foo.com")) == 2
        assert [r for _, r, _ in await room.queued()][2:] == ["carol@elsewhere.org"]

    in_room(body)


def test_queued_mail_for_nobody_and_mail_in_a_loop() -> None:
    async def body(room: Room) -> None:
        for address in ("nobody@foo.com", "carol@elsewhere.org"):
            with pytest.raises(UnknownUser):
                await room.intake.deliver_local(FROM, address, pieces(b""), "q1")
        with pytest.raises(MailLoop):
            await room.intake.deliver_local(FROM, "bob@foo.com", pieces(b"Received: x\r\n" * 101), "q2")
        with pytest.raises(MailLoop):
            await take(room, "bob@foo.com", text=b"Received: x\r\n" * 100)
        assert await take(room, "bob@foo.com", text=b"Received: x\r\n" * 99) == [None]

    in_room(body)


def test_queued_mail_that_a_mailbox_refuses_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        Failing(monkeypatch, {await account_id(room, "bob@foo.com"): OverQuota("full")})
        with pytest.raises(OverQuota):
            await room.intake.deliver_local(FROM, "bob@foo.com", pieces(b"x\r\n"), "q3")

    in_room(body)


def test_submitted_mail_is_completed_and_the_rest_is_not_touched() -> None:
    async def body(room: Room) -> None:
        bob = await room.directory.authenticate("bob@foo.com", "1234")
        content = b"From: bob@foo.com\r\nBcc: secret@elsewhere.org\r\nSubject: x\r\n\r\nBcc: not a field\r\n"
        await take(room, "jones@foo.com", "carol@elsewhere.org", text=content, source=Source("x", "::1", person=bob))
        (local,) = await room.messages("jones@foo.com")
        ((_, _, remote),) = await room.queued()
        for message in (local, remote):
            assert b"secret" not in message
            assert b"\r\nDate: " in message
            assert b"@foo.com>\r\n" in message.partition(b"\r\nMessage-ID: <")[2]
            assert message.endswith(b"From: bob@foo.com\r\nSubject: x\r\n\r\nBcc: not a field\r\n")
        await take(room, "jones@foo.com", text=b"Subject: all header\r\n", source=Source("x", "::1", person=bob))
        await take(room, "jones@foo.com", text=content)  # relayed mail is not ours to change
        first, second, third = await room.messages("jones@foo.com")
        assert b"Message-ID" in second
        assert third.endswith(content)
        assert first == local

    in_room(body)


def test_a_header_without_end_is_refused() -> None:
    async def body(room: Room) -> None:
        bob = await room.directory.authenticate("bob@foo.com", "1234")
        with pytest.raises(MailError) as caught:
            await take(room, "jones@foo.com", text=b"A: " + b"x" * 1_100_000, source=Source("x", "::1", person=bob))
        assert caught.value.code == 552

    in_room(body)


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_full_disk_is_a_temporary_refusal(monkeypatch: pytest.MonkeyPatch, signed_in: bool) -> None:
    async def body(room: Room) -> None:
        bob = await room.directory.authenticate("bob@foo.com", "1234") if signed_in else None

        def full(spool: Spool, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Spool, "write", full)
        for text in (b"x" * 200_000, b"Subject: x\r\n"):
            with pytest.raises(NoSpace):
                await take(room, "bob@foo.com", text=text, source=Source("x", "::1", person=bob))
        with pytest.raises(NoSpace):
            await room.intake.deliver_local(FROM, "bob@foo.com", pieces(b"x"), "q4")

    in_room(body)


def test_an_account_that_the_store_does_not_have_yet_is_made() -> None:
    async def body(room: Room) -> None:
        await room.directory.add_person("late@foo.com", None)
        assert await take(room, "late@foo.com") == [None]
        assert len(await room.messages("late@foo.com")) == 1

    in_room(body)


def test_a_hundred_mailboxes_at_once() -> None:
    async def body(room: Room) -> None:
        people = [f"p{number}@foo.com" for number in range(100)]
        for address in people:
            await room.directory.add_person(address, None)
        assert await take(room, *people) == [None] * 100
        assert all([len(await room.messages(address)) == 1 for address in people])

    in_room(body)


# ---- reports on aliases (RFC 3461 §5.2.7)


async def take_alias(room: Room, recipient: Recipient, *, envelope: Envelope = FROM, each: bool = False) -> None:
    route = await room.intake.route(recipient)
    await take_routes(room, [route], text=b"Subject: hi\r\n\r\nbody\r\n", envelope=envelope, each=each)


@pytest.mark.parametrize("each", [False, True])
def test_an_alias_with_several_targets_is_reported_as_expanded(each: bool) -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("all@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
        wishes = frozenset({"SUCCESS", "FAILURE"})
        envelope = Envelope("a@bar.com", ret="HDRS", envid="E1")
        await take_alias(room, Recipient("all@foo.com", wishes, "rfc822;all@foo.com"), envelope=envelope, each=each)
        forward, report = await room.queue.entries()
        assert forward.recipient == Recipient(
            "carol@elsewhere.org",
            frozenset({"FAILURE"}),
            "rfc822;all@foo.com",
            mail_from=forward.message.envelope.mail_from,
            lead=b"Delivered-To: all@foo.com\r\n",
        )
        assert forward.message.envelope == replace(envelope, mail_from=forward.message.envelope.mail_from)
        assert report.recipient == Recipient("a@bar.com", frozenset({"NEVER"}))
        assert report.message.envelope.mail_from == ""
        text = await room.queue.read(report.message.message_id, 0, 10_000)
        for line in (
            b"Original-Envelope-Id: E1",
            b"Original-Recipient: rfc822; all@foo.com\r\nFinal-Recipient: rfc822; all@foo.com\r\nAction: expanded\r\n",
            b"Subject: hi\r\n",
        ):
            assert line in text
        assert b"carol" not in text
        assert len(await room.messages("bob@foo.com")) == 1

    in_room(body)


def test_a_wish_for_success_alone_leaves_nothing_to_report_to_the_targets() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("all@foo.com", ("bob@foo.com", "carol@elsewhere.org"))
        await take_alias(room, Recipient("all@foo.com", frozenset({"SUCCESS"})), envelope=Envelope(""))
        (entry,) = await room.queue.entries()  # no report to the null sender
        assert entry.recipient.notify == frozenset({"NEVER"})
        await take_alias(room, Recipient("all@foo.com", frozenset({"DELAY"})))
        assert [e.recipient.notify for e in await room.queue.entries()][1:] == [frozenset({"DELAY"})]

    in_room(body)


def test_an_alias_with_one_target_passes_all_wishes_on() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("away@foo.com", ("carol@elsewhere.org",))
        recipient = Recipient("away@foo.com", frozenset({"SUCCESS"}), "rfc822;away@foo.com")
        await take_alias(room, recipient)
        (entry,) = await room.queue.entries()
        lead = b"Delivered-To: away@foo.com\r\n"
        sender = entry.message.envelope.mail_from
        assert entry.recipient == Recipient(
            "carol@elsewhere.org", recipient.notify, recipient.original, mail_from=sender, lead=lead
        )
        content = await room.queue.read(entry.message.message_id, 0, 10_000)
        assert b"for <away@foo.com>" in content  # as the sender wrote it (RFC 5321 §4.4)

    in_room(body)


def test_a_report_on_an_alias_that_cannot_be_queued_costs_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(room: Room) -> None:
        async def full(*arguments: object, **options: object) -> str:
            raise QueueFull("full")

        await room.directory.set_alias("all@foo.com", ("bob@foo.com", "jones@foo.com"))
        monkeypatch.setattr(room.queue, "enqueue", full)
        await take_alias(room, Recipient("all@foo.com", frozenset({"SUCCESS"})))
        assert len(await room.messages("jones@foo.com")) == 1

    in_room(body)


def test_mail_for_a_socket_waits_in_the_queue_for_its_own_destination() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("app@foo.com", ("lmtp:/run/app.sock", "bob@foo.com"))
        await room.directory.set_alias("only@foo.com", ("lmtp:/run/app.sock",))
        assert await take(room, "app+tag@foo.com", "only@foo.com", each=True) == [None, None]
        assert len(await room.messages("bob@foo.com")) == 1
        assert [(e.recipient.address, e.destination) for e in await room.queue.entries()] == [
            ("app+tag@foo.com", "lmtp:/run/app.sock"),
            ("only@foo.com", "lmtp:/run/app.sock"),
        ]
        # what comes out of the queue for such an address, a report for instance, goes there too, once
        for _ in range(2):
            await room.intake.deliver_local(Envelope(""), "only@foo.com", pieces(b"x\r\n"), "r1")
        third = (await room.queue.entries())[2:]
        assert [(e.recipient.address, e.destination) for e in third] == [("only@foo.com", "lmtp:/run/app.sock")]

    in_room(body)


COMES_BACK = b"Subject: x\r\nDELIVERED-TO:\r\n <Away@FOO.com>\r\n\r\nDelivered-To: bob@foo.com\r\n"


def test_what_comes_back_is_refused_and_the_others_have_it() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_alias("away@foo.com", ("carol@elsewhere.org", "jones@foo.com"))
        with pytest.raises(MailLoop):
            await take(room, "away@foo.com", text=COMES_BACK)
        loop, taken = await take(room, "away@foo.com", "bob@foo.com", text=COMES_BACK, each=True)
        assert isinstance(loop, MailLoop)
        assert taken is None
        assert await room.queue.entries() == []
        # SMTP has one answer for all: the sender is told by a report, which the queue's runner writes
        assert await take(room, "away@foo.com", "bob@foo.com", text=COMES_BACK) == [None, None]
        assert len(await room.messages("bob@foo.com")) == 2
        assert await room.messages("jones@foo.com") == []
        (entry,) = await room.queue.entries()
        assert entry.recipient == Recipient("away@foo.com")
        message_id = entry.message.message_id
        content = await room.queue.read(message_id, 0, 10_000)
        with pytest.raises(MailLoop):
            await room.intake.deliver_local(FROM, "away@foo.com", pieces(content), message_id)
        # an alias of people here sends nothing on, so nothing comes back to it
        await room.directory.set_alias("away@foo.com", ("jones@foo.com",))
        assert await take(room, "away@foo.com", text=COMES_BACK) == [None]

    in_room(body)


def test_what_is_forwarded_has_a_return_address_of_ours_that_leads_back() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_forwarding("bob@foo.com", ("bob@elsewhere.org",), keep=True)
        assert await take(room, "bob@foo.com", "jones@foo.com") == [None, None]
        assert len(await room.messages("bob@foo.com")) == 1
        ((sender, recipient, _),) = await room.queued()
        assert (recipient, sender[:5], sender[-16:]) == ("bob@elsewhere.org", "SRS0=", "=bar.com=a@foo.com"[-16:])
        (entry,) = await room.queue.entries()
        assert entry.message.lead == b"Delivered-To: bob@foo.com\r\n"
        await room.queue.remove(["all"])
        # a report comes back to it, by SMTP or made here, and goes on to who wrote
        route = await room.intake.route(Recipient(sender))
        await take_routes(room, [route], envelope=Envelope(""))
        await room.intake.deliver_local(Envelope(""), sender, pieces(b"x\r\n"), "r1")
        assert [(s, r) for s, r, _ in await room.queued()] == [("", "a@bar.com")] * 2
        with pytest.raises(MailError) as caught:
            await room.intake.route(Recipient(sender.replace("=a@", "=eve@")))
        assert (caught.value.code, caught.value.enhanced) == (550, "5.1.1")
        await room.queue.remove(["all"])
        # our own people's mail, and that of nobody, keeps its sender
        for envelope in (Envelope("jones@foo.com"), Envelope("")):
            await take_routes(room, [await room.intake.route(Recipient("bob@foo.com"))], envelope=envelope)
        assert [(s, r) for s, r, _ in await room.queued()] == [
            ("jones@foo.com", "bob@elsewhere.org"),
            ("", "bob@elsewhere.org"),
        ]

    in_room(body)


def test_mail_out_of_the_queue_is_forwarded_once_under_our_sender() -> None:
    async def body(room: Room) -> None:
        await room.directory.set_forwarding("bob@foo.com", ("bob@elsewhere.org",), keep=False)
        for _ in range(2):
            await room.intake.deliver_local(FROM, "bob@foo.com", pieces(b"Subject: x\r\n\r\n"), "q1")
        ((sender, recipient, _),) = await room.queued()
        assert recipient == "bob@elsewhere.org"
        assert sender.startswith("SRS0=")
        assert await room.messages("bob@foo.com") == []

    in_room(body)


def test_copies_of_all_that_a_person_gets_and_sends(caplog: pytest.LogCaptureFixture) -> None:
    async def body(room: Room) -> None:
        await room.directory.set_copies("bob@foo.com", ("brown@foo.com", "archive@elsewhere.org", "nobody@foo.com"))
        assert await take(room, "bob@foo.com") == [None]
        assert len(await room.messages("bob@foo.com")) == len(await room.messages("brown@foo.com")) == 1
        bob = await room.directory.find("bob@foo.com")
        text = b"From: bob@foo.com\r\nSubject: sent\r\n\r\n"
        assert await take(room, "jones@foo.com", text=text, source=Source("x", "::1", person=bob)) == [None]
        assert len(await room.messages("jones@foo.com")) == 1
        assert [b"Subject: sent" in message for message in await room.messages("brown@foo.com")] == [False, True]
        received, sent = await room.queue.entries()
        assert [e.recipient.address for e in (received, sent)] == ["archive@elsewhere.org"] * 2
        assert sent.recipient.notify == frozenset({"NEVER"})
        assert "no copy for nobody@foo.com" in caplog.text

    in_room(body)
