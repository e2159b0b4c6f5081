"""What outcomes lead to: reports, once and to the right people, never about reports."""

import asyncio
import email
import email.policy
from email.message import EmailMessage

import pytest
from tests.delivery.peer import Peer
from tests.delivery.world import Refusal, World, play

from postroom.delivery import DeliverySettings
from postroom.queue import DeliverBy, EntryState, Envelope, QueueFailure, Recipient

REFUSING = {"RCPT": [b"550 5.1.1 unknown"]}
FIVE_DAYS = 432_000


def parsed(report: str) -> EmailMessage:
    message = email.message_from_bytes(report.encode(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/report"
    return message


@pytest.mark.parametrize(
    ("notify", "reported"),
    [
        (None, True),
        ({"FAILURE"}, True),
        ({"SUCCESS", "FAILURE"}, True),
        ({"SUCCESS", "DELAY"}, False),
        ({"NEVER"}, False),
    ],
)
def test_failure_reports_where_wanted(notify: set[str] | None, reported: bool) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        await world.put(Recipient("bob@b.test", None if notify is None else frozenset(notify)))
        await world.deliverer.deliver_due_now()
        assert len(world.mailboxes.reports) == reported
        assert await world.entries() == []

    play(scene)


@pytest.mark.parametrize("refusal", [b"550 5.1.1 unknown", b"450 4.2.0 later"])
def test_bounces_never_bounce(refusal: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT": [refusal]}))
        await world.put(envelope=Envelope(""))
        await world.put(Recipient("bob@b.test", frozenset({"SUCCESS", "FAILURE", "DELAY"})), envelope=Envelope(""))
        while due := await world.queue.next_due():
            await world.clock.advance(max(0.0, due - world.clock.now()))
            await world.deliverer.deliver_due_now()
        told = [mail.recipients for _, mail in world.mailboxes.delivered]
        assert told == [["postmaster"], ["postmaster"]]  # and nobody else
        assert await world.entries() == []
        assert world.clock.now() - 1_700_000_000 <= 172_800 + 1  # null senders are given up sooner

    play(scene)
    assert "dropped" in caplog.text


def test_a_report_to_a_remote_sender_goes_through_the_queue_with_the_null_sender() -> None:
    async def scene(world: World) -> None:
        away = await world.peer(Peer(), name="c.test")
        await world.put("bob@nowhere.test", envelope=Envelope("carol@c.test", smtputf8=True))
        await world.deliverer.deliver_due_now()
        (mail,) = away.taken
        assert (mail.mail_from, mail.recipients) == ("", ["carol@c.test"])
        assert parsed(mail.content.decode())["To"] == "carol@c.test"
        assert world.mailboxes.reports == []

    play(scene)


@pytest.mark.parametrize(("to", "told"), [("postmaster", [["postmaster"]]), ("", [])])
def test_a_report_that_fails_is_told_to_the_postmaster(to: str, told: list[list[str]]) -> None:
    async def scene(world: World) -> None:
        away = await world.peer(Peer(REFUSING), name="c.test")
        await world.put("bob@nowhere.test", envelope=Envelope("forged@c.test"))
        await world.deliverer.deliver_due_now()
        assert away.counts["RCPT"] == 1
        assert await world.entries() == []
        assert [mail.recipients for _, mail in world.mailboxes.delivered] == told
        assert all(mail.mail_from == "" for _, mail in world.mailboxes.delivered)

    play(scene, DeliverySettings(double_bounce_to=to))


def test_double_bounces_end_where_the_postmasters_mail_leads_elsewhere() -> None:
    """Bug: an alias of the postmaster to a host that refuses made a report on each report, for ever."""

    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        report = b"From: mailer@a.test\r\nTo: Postmaster\r\nSubject: bounce\r\n\r\nx\r\n"
        await world.put("boss@b.test", envelope=Envelope(""), content=report)
        await world.deliverer.deliver_due_now()
        assert world.mailboxes.delivered == []
        assert await world.entries() == []

    play(scene)


def test_a_report_that_was_only_forwarded_here_is_not_reported_on() -> None:
    """Bug: two postmasters that forward to each other told each other of it for ever."""

    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        report = b"Delivered-To: boss@a.test\r\nTo: postmaster@b.test\r\nSubject: bounce\r\n\r\nx\r\n"
        await world.put("boss@b.test", envelope=Envelope(""), content=report)
        await world.deliverer.deliver_due_now()
        assert world.mailboxes.delivered == []

    play(scene)


def test_an_address_that_bounced_for_good_is_not_asked_again_for_a_while() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"RCPT": [b"550 5.1.1 unknown"] * 3 + [b"250 ok"] * 9}))
        for asked in (1, 2, 3, 3, 3):
            await world.put("Bob@b.test")
            await world.deliverer.deliver_due_now()
            assert peer.counts["RCPT"] == asked
        assert len(world.mailboxes.reports) == 5
        assert "refused before" in world.mailboxes.reports[-1]
        assert "550 5.1.1 unknown" in world.mailboxes.reports[-1]
        await world.clock.advance(604_801)
        await world.put()
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 1
        assert await world.queue.suppressions() == []  # and the address is a good one again
        assert world.deliverer._settlement.held_against == set()

    play(scene)


def test_what_bounces_is_told_of_who_sent_it() -> None:
    """For the guard: an account of which much bounces is perhaps misused."""

    async def scene(world: World) -> None:
        told: list[tuple[int, int]] = []
        await world.peer(Peer({"RCPT": [b"550 5.1.1 unknown", b"550 5.7.1 no", b"450 4.1.1 later", b"550 5.1.1 x"]}))
        world.deliverer.on_bounces(lambda holder, count: told.append((holder, count)))
        await world.put("a@b.test", "b@b.test", "c@b.test", envelope=Envelope("alice@a.test", holder=7))
        await world.deliverer.deliver_due_now()
        await world.put("d@b.test")
        await world.deliverer.deliver_due_now()
        assert told == [(7, 2)]

    play(scene)


@pytest.mark.parametrize("reply", [b"550 5.7.1 policy", b"550 no code", b"450 4.1.1 later"])
def test_other_refusals_are_not_held_against_an_address(reply: bytes) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT": [reply]}))
        await world.put()
        await world.deliverer.deliver_due_now()
        assert await world.queue.suppressions() == []

    play(scene)


def test_an_operator_returns_a_message_to_its_sender() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        queue_id = await world.put()
        await world.queue.hold([queue_id])
        assert await world.queue.bounce([queue_id], world.clock.now(), "We do not carry this") == 1
        await world.deliverer.deliver_due_now()
        assert peer.sessions == 0
        assert await world.entries() == []
        (report,) = world.mailboxes.reports
        assert "We do not carry this" in report

    play(scene)


@pytest.mark.parametrize("mode", ["R", "N"])
def test_deliver_by(mode: str) -> None:
    """RFC 2852 §4.1.2, §4.1.3."""

    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT": [b"450 4.2.0 later"]}, extensions=("DELIVERBY",)))
        by = DeliverBy(world.clock.now() + 100, notify_only=mode == "N")
        await world.put(envelope=Envelope("alice@a.test", deliver_by=by))
        await world.deliverer.deliver_due_now()
        assert world.mailboxes.reports == []
        assert await world.queue.next_due() == by.at
        await world.clock.advance(100)
        await world.deliverer.deliver_due_now()
        (report,) = world.mailboxes.reports
        assert ("Status: 5.4.7" if mode == "R" else "Status: 4.4.7") in report
        assert len(await world.entries()) == (mode == "N")

    play(scene)


@pytest.mark.parametrize(
    ("extensions", "trace", "notify", "reported"),
    [
        (("DSN",), False, None, True),  # the next host does not know by when
        (("DSN",), False, {"FAILURE"}, True),
        (("DSN",), False, {"NEVER"}, False),
        (("DSN", "DELIVERBY"), False, None, False),
        (("DSN", "DELIVERBY"), True, None, True),
        (("DSN", "DELIVERBY"), True, {"NEVER"}, False),
    ],
)
def test_relaying_what_has_a_deadline_is_told(
    extensions: tuple[str, ...], trace: bool, notify: set[str] | None, reported: bool
) -> None:
    """RFC 2852 §4.1.4."""

    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=extensions))
        by = DeliverBy(world.clock.now() + 100, notify_only=True, trace=trace)
        recipient = Recipient("bob@b.test", None if notify is None else frozenset(notify))
        await world.put(recipient, envelope=Envelope("alice@a.test", deliver_by=by))
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 1
        assert [("Action: relayed" in r, "Deliver-by-date: " in r) for r in world.mailboxes.reports] == [
            (True, True)
        ] * reported

    play(scene)


def test_what_has_to_be_there_in_time_is_not_given_to_who_does_not_promise_it() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("DSN",)))
        by = DeliverBy(world.clock.now() + 100, notify_only=False)
        await world.put(envelope=Envelope("alice@a.test", deliver_by=by))
        await world.deliverer.deliver_due_now()
        assert peer.taken == []
        (report,) = world.mailboxes.reports
        assert "Status: 5.3.3" in report
        assert await world.entries() == []

    play(scene)


def test_a_report_for_a_full_mailbox_waits_in_the_queue() -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        world.mailboxes.refusals = [Refusal()]
        queue_id = await world.put()
        await world.deliverer.deliver_due_now()
        (report,) = world.mailboxes.reports  # the queue tried again in the same round
        assert world.mailboxes.delivered[0][0] != queue_id
        assert parsed(report)["To"] == "alice@a.test"

    play(scene)


def test_a_report_for_nobody_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        world.mailboxes.refusals = [Refusal(code=550, enhanced="5.1.1")]
        await world.put()
        await world.deliverer.deliver_due_now()
        assert await world.entries() == []
        assert world.mailboxes.delivered == []

    play(scene)
    assert "report to <alice@a.test> dropped" in caplog.text


def test_success_is_reported_where_the_next_host_does_not() -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer())
        wanted = Recipient("bob@b.test", frozenset({"SUCCESS"}), "rfc822;bob+2Bx@b.test")
        await world.put(wanted, Recipient("carol@b.test"), Recipient("x@a.test", frozenset({"SUCCESS"})))
        await world.deliverer.deliver_due_now()
        texts = sorted(world.mailboxes.reports, key=lambda text: "relayed" in text)
        assert "Action: delivered" in texts[0]
        assert "Final-Recipient: rfc822; x@a.test" in texts[0]
        assert "Action: relayed" in texts[1]
        assert "Original-Recipient: rfc822; bob+x@b.test" in texts[1]
        assert "carol" not in texts[1]
        assert all("Hello." not in text for text in texts)  # headers only (RFC 3461 §4.3)

    play(scene)


def test_the_delay_warning_comes_once_and_only_where_wanted() -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT": [b"450 4.2.0 later"]}))
        await world.put("bob@b.test", Recipient("quiet@b.test", frozenset({"FAILURE"})))
        for _ in range(12):
            await world.clock.advance(3600)
            await world.deliverer.deliver_due_now()
            late = world.clock.now() - 1_700_000_000 >= 14_400
            assert len(world.mailboxes.reports) <= late
        (report,) = world.mailboxes.reports
        assert "Final-Recipient: rfc822; bob@b.test" in report
        assert "quiet" not in report
        assert "Diagnostic-Code: smtp; 450 4.2.0 later" in report
        assert {e.recipient.address: e.delay_warned for e in await world.entries()} == {
            "bob@b.test": True,
            "quiet@b.test": False,
        }

    play(scene)


def test_no_delay_warning_when_told_so() -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT": [b"450 4.2.0 later"]}))
        await world.put()
        await world.clock.advance(100_000)
        await world.deliverer.deliver_due_now()
        assert world.mailboxes.reports == []

    play(scene, DeliverySettings(delay_warning_seconds=0))


@pytest.mark.parametrize(
    ("ret", "size", "whole"), [(None, 100, True), ("FULL", 100, True), ("HDRS", 100, False), ("FULL", 100_000, False)]
)
def test_what_of_the_message_is_given_back(ret: str | None, size: int, whole: bool) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        content = b"From: alice@a.test\r\nSubject: Plans\r\n\r\n" + b"z" * size + b"\r\n"
        await world.put(content=content, envelope=Envelope("alice@a.test", ret=ret, envid="env 1"))
        await world.deliverer.deliver_due_now()
        report = parsed(world.mailboxes.reports[0])
        first, _, third = report.iter_parts()
        assert third.get_content_type() == ("message/rfc822" if whole else "text/rfc822-headers")
        assert ("zzz" in third.as_string()) is whole
        assert "Subject: Plans" in third.as_string()
        assert "Original-Envelope-Id: env 1" in world.mailboxes.reports[0]
        assert "Plans" in first.get_content()

    play(scene)


def test_an_8bit_message_comes_back_in_an_8bit_report() -> None:
    async def scene(world: World) -> None:
        away = await world.peer(Peer(REFUSING))
        world.resolver.mx_records["c.test"] = [(1, "mx1.b.test")]
        await world.put(content="Subject: x\r\n\r\nä\r\n".encode(), envelope=Envelope("alice@a.test", body_8bit=True))
        await world.deliverer.deliver_due_now()
        assert "ä" in world.mailboxes.reports[0]
        assert away.taken == []

    play(scene)


def test_one_report_for_several_recipients() -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT a@b.test": [b"550 5.1.1 no a"], "RCPT b@b.test": [b"552 5.2.2 full b"]}))
        await world.put("a@b.test", "b@b.test", "c@b.test")
        await world.deliverer.deliver_due_now()
        (report,) = world.mailboxes.reports
        assert report.count("Final-Recipient:") == 2
        assert "5.1.1 no a" in report
        assert "5.2.2 full b" in report

    play(scene)


def test_expiry_and_refusal_in_one_attempt() -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT a@b.test": [b"550 5.1.1 no a"], "RCPT b@b.test": [b"450 4.2.1 wait"]}))
        await world.put("a@b.test", "b@b.test")
        await world.clock.advance(FIVE_DAYS)
        await world.deliverer.deliver_due_now()
        (report,) = world.mailboxes.reports
        assert "Status: 5.1.1" in report
        assert "Status: 5.4.7" in report
        assert await world.entries() == []

    play(scene)


def test_the_outcome_waits_for_a_queue_that_refuses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.put()
        real, troubles = world.queue.finish, [QueueFailure("disk"), QueueFailure("disk")]

        async def finish(entry_ids: list[int]) -> None:
            if troubles:
                raise troubles.pop()
            await real(entry_ids)

        monkeypatch.setattr(world.queue, "finish", finish)
        delivering = asyncio.ensure_future(world.deliverer.deliver_due_now())
        async with asyncio.timeout(5):
            while not delivering.done():
                await asyncio.sleep(0.002)
                await world.clock.advance(1)
        assert len(peer.taken) == 1
        assert await world.entries() == []

    play(scene)
    assert caplog.text.count("trying again") == 2


def test_a_report_that_cannot_be_written_is_left_to_an_operator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer(REFUSING))
        await world.put("bob@b.test", Recipient("quiet@b.test", frozenset({"NEVER"})))
        monkeypatch.setattr("postroom.delivery.reports.compose_dsn", lambda *a, **k: 1 / 0)
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.state, entry.recipient.address) == (EntryState.HELD, "bob@b.test")

    play(scene)
    assert "held for an operator" in caplog.text


def test_removed_during_the_attempt() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"RCPT": [b"550 5.1.1 no"]}))
        await world.put()
        real = world.queue.claim

        async def claim(now: float, limit: int, **options: object) -> object:
            entries = await real(now, limit, **options)  # type: ignore[arg-type]
            await world.queue.remove(["all"])
            return entries

        world.queue.claim = claim  # type: ignore[method-assign, assignment]
        await world.deliverer.deliver_due_now()
        assert peer.taken == []
        assert await world.entries() == []

    play(scene)
