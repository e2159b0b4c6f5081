"""What a report says and where it goes; who wants one is tests/delivery/test_settlement.py."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.delivery.world import Refusal, World
from tests.intake.strangers import Notes
from tests.signing.signed import Signer

from postroom.delivery.api import Attempted
from postroom.delivery.reports import Reporter
from postroom.queue import Entry, EntryState, Envelope, QueuedMessage, Recipient
from postroom.smtp import ServerReply, local_reply

REPLY = ServerReply(550, ("no such user",), "5.1.1")


def attempted(message: QueuedMessage, reply: ServerReply, address: str = "bob@b.test", number: int = 1) -> Attempted:
    entry = Entry(number, message, Recipient(address), EntryState.SENDING, 3, 0.0, "", False)
    return Attempted(entry, reply, "mx [192.0.2.1]:25", delivered=False, host="" if reply.local else "mx.b.test")


def report(kind: str, made: Sequence[Attempted], world: World) -> None:
    reporter = Reporter(
        queue=world.queue,
        local=world.mailboxes,
        directory=world.mailboxes,
        clock=world.clock,
        ids=world.ids,
        settings=world.settings,
        hostname="mail.a.test",
    )
    asyncio.run(getattr(reporter, kind)(made))


def test_a_report_in_the_queue_is_signed_and_the_journal_tells_it(tmp_path: Path) -> None:
    world, notes, signer = World(), Notes(), Signer(tmp_path)
    one = message(world, "alice@else.test")
    made = Reporter(
        queue=world.queue,
        local=world.mailboxes,
        directory=world.mailboxes,
        clock=world.clock,
        ids=world.ids,
        settings=world.settings,
        hostname="mail.a.test",
        journal=notes,
        signing=signer.signing,
    )
    asyncio.run(made.failed([attempted(one, REPLY)]))
    assert [step for step, _ in notes.taken] == ["reported", "received", "signed"]
    assert notes.last("received")["about"] == one.message_id
    assert notes.last("signed")["by"] == [
        "d=a.test s=20231114-rsa rsa-sha256",
        "d=a.test s=20231114-ed25519 ed25519-sha256",
    ]


def message(world: World, mail_from: str = "alice@a.test") -> QueuedMessage:
    envelope = Envelope(mail_from)
    queue_id = asyncio.run(world.put(content=b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nx\r\n", envelope=envelope))
    return QueuedMessage(queue_id, envelope, 42, world.clock.now() - 100)


def test_failed() -> None:
    world = World()
    one = message(world)
    report("failed", [attempted(one, REPLY, number=5), attempted(one, REPLY, "x@b.test", 3)], world)
    ((delivery_id, mail),) = world.mailboxes.delivered
    assert delivery_id == f"{one.message_id}.failed-3"  # the same after a crash: one copy in the mailbox
    text = mail.content.decode()
    assert (mail.mail_from, mail.recipients) == ("", ["alice@a.test"])
    assert f"Final-Log-ID: {one.message_id}" in text
    assert "Remote-MTA: dns; mx.b.test" in text
    assert "Reporting-MTA: dns; mail.a.test" in text


def test_binary_mail_is_not_given_back() -> None:
    world = World()
    envelope = Envelope("alice@a.test", binary=True)
    content = b"Subject: x\r\n\r\n\0\n.\nRSET\n"
    queue_id = asyncio.run(world.put(content=content, envelope=envelope))
    report("failed", [attempted(QueuedMessage(queue_id, envelope, len(content), world.clock.now()), REPLY)], world)
    ((_, mail),) = world.mailboxes.delivered
    assert b"Subject: x\r\n" in mail.content
    assert b"\0" not in mail.content
    assert mail.content.count(b"\n") == mail.content.count(b"\r\n")


def test_what_was_to_be_protected_is_reported_on_so_and_not_given_back() -> None:
    """RFC 8689 §5."""
    world = World()
    envelope = Envelope("alice@elsewhere.test", require_tls=True, ret="FULL", priority=3)
    content = b"Subject: x\r\n\r\nsecret\r\n"
    queue_id = asyncio.run(world.put(content=content, envelope=envelope))
    report("failed", [attempted(QueuedMessage(queue_id, envelope, len(content), world.clock.now()), REPLY)], world)
    queued = [entry for entry in asyncio.run(world.entries()) if not entry.message.envelope.mail_from]
    assert [(e.message.envelope.require_tls, e.message.envelope.priority) for e in queued] == [(True, 3)]
    octets = asyncio.run(world.queue.read(queued[0].message.message_id, 0, 100_000))
    assert b"Subject: x\r\n" in octets
    assert b"secret" not in octets


def test_our_own_words_are_no_servers() -> None:
    world = World()
    reply = local_reply(550, "5.1.2", "Domain b.test does not exist")
    report("failed", [attempted(message(world), reply)], world)
    text = world.mailboxes.reports[0]
    assert "Status: 5.1.2" in text
    assert "Diagnostic-Code: x-postroom; Domain b.test does not exist" in text
    assert "Remote-MTA" not in text


def test_time_ran_out() -> None:
    world = World()
    report("failed", [attempted(message(world), ServerReply(450, ("later",), "4.2.0"))], world)
    assert "Status: 5.4.7" in world.mailboxes.reports[0]


def test_a_message_that_is_gone_is_reported_without_its_header() -> None:
    world = World()
    gone = QueuedMessage("gone", Envelope("alice@a.test"), 42, 0.0)
    report("failed", [attempted(gone, REPLY)], world)
    assert "Action: failed" in world.mailboxes.reports[0]


def test_never_to_the_null_sender() -> None:
    world = World()
    with pytest.raises(ValueError, match="null sender"):
        report("failed", [attempted(message(world, ""), REPLY)], world)
    assert world.mailboxes.delivered == []


def test_a_full_mailbox_and_a_remote_sender_go_through_the_queue() -> None:
    world = World()
    first = message(world)
    world.mailboxes.refusals = [Refusal()]
    report("delayed", [attempted(first, ServerReply(450, ("later",)))], world)
    report("failed", [attempted(message(world, "carol@c.test"), REPLY)], world)
    queued = [e for e in asyncio.run(world.entries()) if not e.message.envelope.mail_from]
    assert [(e.recipient.address, e.recipient.notify) for e in queued] == [
        ("alice@a.test", frozenset({"NEVER"})),
        ("carol@c.test", frozenset({"NEVER"})),
    ]
