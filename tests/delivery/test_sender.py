"""One message to one destination, against servers on loopback sockets that behave as told."""

import asyncio
import logging
import time
from pathlib import Path

import pytest
from tests.delivery.peer import DROP, SILENT, Peer
from tests.delivery.world import MESSAGE, World, play, server_context
from tests.net.silent import silent

from postroom.base import FakeClock
from postroom.delivery import DeliverySettings
from postroom.delivery.settings import RelaySettings
from postroom.dns import Answer, StaticResolver
from postroom.queue import EntryState, Envelope, Recipient

START = FakeClock().now()


def test_the_happy_path(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "postroom.delivery")

    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        queue_id = await world.put("bob@b.test", "carol@b.test")
        assert await world.deliverer.deliver_due_now() == 2
        (mail,) = peer.taken
        assert (mail.mail_from, mail.recipients, mail.content) == (
            "alice@a.test",
            ["bob@b.test", "carol@b.test"],
            MESSAGE,
        )
        assert await world.entries() == []
        assert world.mailboxes.reports == []
        assert peer.commands == [
            "EHLO mail.a.test",
            f"MAIL FROM:<alice@a.test> SIZE={len(MESSAGE)}",
            "RCPT TO:<bob@b.test>",
            "RCPT TO:<carol@b.test>",
            "DATA",
        ]
        lines = [r.getMessage() for r in caplog.records if "status=" in r.getMessage()]
        assert len(lines) == 2
        for line, to in zip(lines, ("bob", "carol"), strict=True):
            assert line.startswith(f"{queue_id}: to=<{to}@b.test> relay=mx1.b.test [127.0.0.1]:{peer.port} status=sent")
            assert line.endswith("reply=250 2.0.0 taken")

    play(scene)


def test_one_of_three_is_refused() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"RCPT no@b.test": [b"550 5.1.1 <no@b.test> unknown"]}))
        await world.put("a@b.test", "no@b.test", "c@b.test")
        await world.deliverer.deliver_due_now()
        assert peer.taken[0].recipients == ["a@b.test", "c@b.test"]
        assert await world.entries() == []
        (report,) = world.mailboxes.reports
        assert "Final-Recipient: rfc822; no@b.test" in report
        assert "Status: 5.1.1" in report
        assert "Diagnostic-Code: smtp; 550 5.1.1 <no@b.test> unknown" in report
        assert "Remote-MTA: dns; mx1.b.test" in report
        assert "a@b.test" not in report.split("Content-Type: message/rfc822")[0]

    play(scene)


def test_deferred_then_delivered() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"RCPT": [b"451 4.7.1 greylisted", b"250 2.1.5 now"]}))
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.state, entry.attempts) == (EntryState.WAITING, 1)
        assert 270 <= entry.next_attempt - START <= 330
        assert entry.last_reply == f"451 4.7.1 greylisted (mx1.b.test [127.0.0.1]:{peer.port})"
        assert await world.deliverer.deliver_due_now() == 0
        await world.clock.advance(331)
        assert await world.deliverer.deliver_due_now() == 1
        assert len(peer.taken) == 1
        assert await world.entries() == []

    play(scene)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ({"MAIL": [b"550 5.7.1 not you"]}, "5.7.1"),
        ({"DATA": [b"554 5.6.0 no"]}, "5.6.0"),
        ({"END": [b"552 5.3.4 too big after all"]}, "5.3.4"),
        ({"RCPT": [b"550 plain refusal"]}, "5.0.0"),
        ({"GREETING": [b"554 5.7.1 no mail service here"]}, "5.7.1"),
        ({"GREETING": [b"521 does not accept mail"]}, "5.0.0"),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_permanent_refusals(script: dict[str, list[bytes]], status: str, pipelining: bool) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(script, extensions=("PIPELINING", "8BITMIME") if pipelining else ("8BITMIME",)))
        await world.put()
        await world.deliverer.deliver_due_now()
        assert await world.entries() == []
        assert peer.taken == []
        (report,) = world.mailboxes.reports
        assert f"Status: {status}\r\n" in report

    play(scene)


@pytest.mark.parametrize(
    "script",
    [
        {"GREETING": [b"421 4.3.2 busy"]},
        {"GREETING": [DROP]},
        {"EHLO": [DROP]},
        {"EHLO": [b"451 not now"]},
        {"MAIL": [b"421 4.3.2 closing"]},
        {"MAIL": [DROP]},
        {"RCPT": [DROP]},
        {"DATA": [DROP]},
        {"GREETING": [b"hello there"]},
        {"MAIL": [b"250 ok\r\n250 once more\r\n250 and again\r\n250 and again\r\n250 x"]},
        {"EHLO": [b"250-" + b"x" * 9000]},
    ],
    ids=str,
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_the_next_host_takes_over(script: dict[str, list[bytes]], pipelining: bool) -> None:
    async def scene(world: World) -> None:
        extensions = ("PIPELINING",) if pipelining else ()
        broken = await world.peer(Peer(script, extensions=extensions), preference=5)
        good = await world.peer(Peer(extensions=extensions), preference=20)
        await world.put("bob@b.test", "carol@b.test")
        await world.deliverer.deliver_due_now()
        assert broken.sessions == 1
        assert [m.recipients for m in good.taken + broken.taken] == [["bob@b.test", "carol@b.test"]]
        assert await world.entries() == []

    play(scene)


@pytest.mark.parametrize("reply", [DROP, b"421 4.3.2 out of space"])
def test_lost_within_the_content_is_sent_to_the_next_host(reply: bytes) -> None:
    async def scene(world: World) -> None:
        await world.peer(Peer({"CONTENT": [reply]}, extensions=()), preference=5)
        good = await world.peer(Peer(extensions=()), preference=20)
        await world.put(content=b"line\r\n" * 2_000_000)
        await world.deliverer.deliver_due_now()
        assert [len(m.content) for m in good.taken] == [12_000_000]
        assert await world.entries() == []

    play(scene)


def test_a_refusal_within_the_content_ends_it() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"CONTENT": [b"552 5.3.4 stop"]}, extensions=()))
        await world.put(content=b"line\r\n" * 2_000_000)
        await world.deliverer.deliver_due_now()
        assert peer.taken == []
        assert "Status: 5.3.4\r\n" in world.mailboxes.reports[0]
        assert "QUIT" not in peer.commands

    play(scene)


def test_lost_after_the_final_dot_is_not_sent_elsewhere() -> None:
    async def scene(world: World) -> None:
        first = await world.peer(Peer({"END": [DROP]}), preference=5)
        second = await world.peer(Peer(), preference=20)
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.attempts, first.sessions, second.sessions) == (1, 1, 0)
        assert "end of DATA" in entry.last_reply

    play(scene)


def test_what_was_refused_before_the_connection_was_lost_stays_refused() -> None:
    async def scene(world: World) -> None:
        script = {"RCPT no@b.test": [b"550 5.1.1 no"], "RCPT bob@b.test": [DROP]}
        await world.peer(Peer(script, extensions=()), preference=5)
        second = await world.peer(Peer(), preference=20)
        await world.put("no@b.test", "bob@b.test")
        await world.deliverer.deliver_due_now()
        assert [m.recipients for m in second.taken] == [["bob@b.test"]]
        assert len(world.mailboxes.reports) == 1
        assert await world.entries() == []

    play(scene)


def test_refused_connections_and_all_addresses() -> None:
    async def scene(world: World) -> None:
        good = await world.peer(Peer())
        world.resolver.mx_records["b.test"] = [(1, "dead.b.test"), (2, "half.b.test"), (3, "gone.b.test")]
        world.resolver.a_records["dead.b.test"] = ["127.0.0.91", "127.0.0.92"]
        world.resolver.aaaa_records["half.b.test"] = ["::1"]
        world.resolver.a_records["half.b.test"] = ["127.0.0.93", good.address]
        await world.put()
        await world.deliverer.deliver_due_now()
        assert len(good.taken) == 1

    play(scene)


def test_all_unreachable_is_remembered_for_a_while_but_not_against_an_operator() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await peer.stop()
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert "127.0.0.1 port" in entry.last_reply
        assert entry.last_reply.startswith("421 4.4.1")
        await peer.start(port=peer.port)
        await world.put()
        await world.deliverer.deliver_due_now()  # a new message does not wait for a connection again
        assert [("not called for a while" in e.last_reply, e.attempts) for e in await world.entries()] == [
            (False, 1),
            (True, 1),
        ]
        assert peer.sessions == 0
        await world.clock.advance(1)
        assert await world.queue.retry_now(["all"], world.clock.now()) == 2
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 2

    play(scene)


def test_the_memory_of_unreachable_hosts_ends() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await peer.stop()
        await world.put()
        await world.deliverer.deliver_due_now()
        await peer.start(port=peer.port)
        await world.clock.advance(61)
        await world.put()
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 1

    play(scene)


def test_the_addresses_of_a_host_race_and_every_call_is_told() -> None:
    async def scene(world: World) -> None:
        good = await world.peer(Peer())
        with silent("127.0.0.8", good.port), silent("::1", good.port):
            world.resolver.mx_records["b.test"] = [(1, "both.b.test")]
            world.resolver.a_records["both.b.test"] = ["127.0.0.8", "127.0.0.9", good.address]
            world.resolver.aaaa_records["both.b.test"] = ["::1"]
            await world.put()
            await world.deliverer.deliver_due_now()
            await world.put()  # 127.0.0.9 has refused a moment ago
            await world.deliverer.close_idle()
            await world.deliverer.deliver_due_now()
        assert len(good.taken) == 2
        names = {a: f"both.b.test [{a}]:{good.port}" for a in ("127.0.0.8", "::1", "127.0.0.9", good.address)}
        told = [(str(call["relay"]), str(call["reply"])) for call in world.steps.of("call")]
        refused = f"421 4.4.1 127.0.0.9 port {good.port}: connection refused"
        dropped = [(names[address], "not waited for: 127.0.0.1 was quicker") for address in ("::1", "127.0.0.8")]
        assert told == [(names["127.0.0.9"], refused), *dropped, *dropped]
        assert [attempt["relay"] for attempt in world.steps.of("attempt")] == [names[good.address]] * 2

    play(scene, DeliverySettings(connection_attempt_delay_seconds=0.02))


def test_an_address_that_lost_the_race_is_called_when_the_winner_sends_us_away() -> None:
    async def scene(world: World) -> None:
        good = await world.peer(Peer())
        away = await world.peer(Peer({"GREETING": [b"421 4.3.2 busy"]}), name="other.test")
        with silent("127.0.0.8", good.port):
            world.resolver.mx_records["b.test"] = [(1, "mx.b.test")]
            world.resolver.a_records["mx.b.test"] = ["127.0.0.8", away.address, good.address]
            await world.put()
            await world.deliverer.deliver_due_now()
        assert (away.sessions, len(good.taken)) == (1, 1)

    play(scene, DeliverySettings(connection_attempt_delay_seconds=0.02))


def test_no_more_addresses_than_the_setting_says() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"GREETING": [b"421 4.3.2 busy"]}))
        world.resolver.mx_records["b.test"] = [(1, "mx1.b.test"), (2, "mx2.b.test"), (3, "mx3.b.test")]
        for name in ("mx1.b.test", "mx2.b.test", "mx3.b.test"):
            world.resolver.a_records[name] = [peer.address, "127.0.0.9"]
        await world.put()
        await world.deliverer.deliver_due_now()
        assert peer.sessions == 2
        assert len(world.steps.of("call")) == 3

    play(scene, DeliverySettings(max_addresses=3))


def test_the_source_address_of_a_relay() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        relay = {"bulk": RelaySettings(source_ipv4="127.0.0.5")}
        world.settings = DeliverySettings(
            port=peer.port, relay=relay, sender_routes={"news@a.test": "bulk"}, source_ipv4="127.0.0.6"
        )
        await world.put()
        await world.put(envelope=Envelope("news@a.test"))
        await world.deliverer.deliver_due_now()
        assert sorted(peer.clients) == ["127.0.0.5", "127.0.0.6"]

    play(scene)


def test_a_source_address_that_is_not_ours_defers_and_is_not_the_hosts_fault() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        world.settings = DeliverySettings(port=peer.port, source_ipv4="192.0.2.1")
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert entry.last_reply.startswith("421 4.4.1")
        assert "calls can't be made from 192.0.2.1: cannot assign requested address" in entry.last_reply
        assert len(world.deliverer._sender.unreachable) == 0

    play(scene)


@pytest.mark.parametrize("stage", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_a_silent_server_costs_only_its_timeout(stage: str) -> None:
    async def scene(world: World) -> None:
        silent = await world.peer(Peer({stage: [SILENT]}, extensions=()), preference=5)
        good = await world.peer(Peer(), preference=20)
        await world.put()
        started = time.monotonic()
        await world.deliverer.deliver_due_now()
        assert time.monotonic() - started < 5
        assert silent.sessions == 1
        if stage == "END":
            (entry,) = await world.entries()
            assert "No reply to end of DATA within 0.05 seconds" in entry.last_reply
        else:
            assert len(good.taken) == 1

    waits = ("greeting", "hello", "mail", "rcpt", "data", "end", "quit")
    play(scene, DeliverySettings(**{f"{name}_timeout_seconds": 0.05 for name in waits}))  # type: ignore[arg-type]


def test_ehlo_refused_then_helo() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"EHLO": [b"500 what?"]}))
        await world.put()
        await world.deliverer.deliver_due_now()
        assert peer.commands[:3] == ["EHLO mail.a.test", "HELO mail.a.test", "MAIL FROM:<alice@a.test>"]
        assert len(peer.taken) == 1

    play(scene)


# ---- TLS


def test_opportunistic_tls(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("PIPELINING", "STARTTLS"), tls=server_context(tmp_path)))
        await world.put()
        await world.deliverer.deliver_due_now()
        assert peer.secure == [True]
        assert peer.commands[:3] == ["EHLO mail.a.test", "STARTTLS", "EHLO mail.a.test"]
        assert len(peer.taken) == 1

    play(scene)


@pytest.mark.parametrize(
    "reply", [b"454 4.7.0 not now", b"500 what?", b"220 go on", b"220 go on\r\n250 injected", b"421 4.7.0 bye", DROP]
)
def test_broken_starttls_falls_back_to_plaintext(reply: bytes) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"STARTTLS": [reply]}, extensions=("STARTTLS",)))
        await world.put()
        await world.deliverer.deliver_due_now()
        assert peer.secure == [False]
        assert len(peer.taken) == 1
        assert peer.sessions == (1 if reply[:3] in (b"454", b"500") else 2)

    play(scene)


def test_no_plaintext_after_a_broken_handshake_when_told_so() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("STARTTLS",)))
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert "TLS handshake failed" in entry.last_reply
        assert peer.taken == []

    play(scene, DeliverySettings(plaintext_after_tls_failure=False))


def test_required_tls_is_required() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert entry.last_reply.startswith("454 4.7.10")
        assert peer.commands == ["EHLO mail.a.test", "QUIT"]

    play(scene, DeliverySettings(tls="required"))


def test_no_tls_when_told_so(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("STARTTLS",), tls=server_context(tmp_path)))
        await world.put()
        await world.deliverer.deliver_due_now()
        assert peer.secure == [False]

    play(scene, DeliverySettings(tls="never"))


# ---- what a server can take


EIGHT_BIT = Envelope("alice@a.test", body_8bit=True)
UTF8 = Envelope("alice@a.test", smtputf8=True)


@pytest.mark.parametrize(
    ("envelope", "content", "recipient", "offered", "expected"),
    [
        (EIGHT_BIT, "Subject: x\r\n\r\nä\r\n".encode(), "bob@b.test", ("8BITMIME",), "BODY=8BITMIME"),
        (EIGHT_BIT, "Subject: x\r\n\r\nä\r\n".encode(), "bob@b.test", (), "sent"),  # converted
        (EIGHT_BIT, "Subject: ä\r\n\r\nx\r\n".encode(), "bob@b.test", (), "5.6.3"),
        (EIGHT_BIT, b"Subject: x\r\n\r\na\r\n", "bob@b.test", (), "sent"),  # not 8-bit after all
        (UTF8, "Subject: ä\r\n\r\nx\r\n".encode(), "bob@b.test", ("SMTPUTF8", "8BITMIME"), "SMTPUTF8"),
        (UTF8, "Subject: ä\r\n\r\nx\r\n".encode(), "bob@b.test", ("8BITMIME",), "5.6.9"),
        (UTF8, b"Subject: a\r\n\r\nx\r\n", "bob@b.test", ("8BITMIME",), "sent"),  # not international after all
        (UTF8, b"Subject: a\r\n\r\nx\r\n", "böb@b.test", ("8BITMIME",), "5.6.7"),
        (UTF8, b"Subject: a\r\n\r\nx\r\n", "bob@bücher.test", ("8BITMIME",), "RCPT TO:<bob@xn--bcher-kva.test>"),
        (UTF8, b"Subject: a\r\n\r\nx\r\n", "bob@bücher.test", ("SMTPUTF8",), "RCPT TO:<bob@bücher.test>"),
        (Envelope("alice@a.test"), b"x" * 2000, "bob@b.test", ("SIZE 1000",), "5.3.4"),
        (Envelope("alice@a.test"), b"x" * 2000, "bob@b.test", ("SIZE",), "SIZE=2000"),
        (Envelope("alice@a.test"), b"x" * 2000, "bob@b.test", ("SIZE 0",), "SIZE=2000"),
    ],
)
def test_what_a_server_can_take(
    envelope: Envelope, content: bytes, recipient: str, offered: tuple[str, ...], expected: str
) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=offered), name="b.test")
        world.resolver.mx_records["xn--bcher-kva.test"] = world.resolver.mx_records["b.test"]
        await world.put(recipient, content=content, envelope=envelope)
        await world.deliverer.deliver_due_now()
        assert await world.entries() == []
        if expected[0] == "5":
            assert f"Status: {expected}\r\n" in world.mailboxes.reports[0]
            assert peer.taken == []
        else:
            assert len(peer.taken) == 1
            assert expected == "sent" or any(expected in line for line in peer.commands)

    play(scene)


def test_binary_mail_as_it_is_and_converted() -> None:
    async def scene(world: World) -> None:
        content = b"MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\x01\n"
        peer = await world.peer(Peer(extensions=("CHUNKING", "BINARYMIME")))
        other = await world.peer(Peer(extensions=("8BITMIME",)), name="c.test")
        await world.put("bob@b.test", "carol@c.test", content=content, envelope=Envelope("alice@a.test", binary=True))
        await world.deliverer.deliver_due_now()
        assert peer.taken[0].content == content
        assert peer.commands[1] == "MAIL FROM:<alice@a.test> BODY=BINARYMIME"
        assert other.commands[1] == "MAIL FROM:<alice@a.test> BODY=8BITMIME"
        assert other.taken[0].content == (
            b"MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0BCg==\r\n"
        )
        assert world.mailboxes.reports == []

    play(scene)


def test_the_next_host_is_asked_when_one_can_not_take_it() -> None:
    async def scene(world: World) -> None:
        old = await world.peer(Peer(extensions=()), preference=5)
        new = await world.peer(Peer(extensions=("SMTPUTF8", "8BITMIME")), preference=20)
        await world.put(content="Subject: ä\r\n\r\nx\r\n".encode(), envelope=UTF8)
        await world.deliverer.deliver_due_now()
        assert old.commands == ["EHLO mail.a.test", "QUIT"]
        assert len(new.taken) == 1
        assert await world.entries() == []

    play(scene)


def test_a_recipient_that_can_not_be_written_does_not_hold_up_the_others() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("8BITMIME",)))
        await world.put("bob@b.test", "bäb@b.test", envelope=UTF8)
        await world.deliverer.deliver_due_now()
        assert peer.taken[0].recipients == ["bob@b.test"]
        assert "Status: 5.6.7" in world.mailboxes.reports[0]

    play(scene)


def test_8bit_anyway_by_setting() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=()))
        await world.put(content="\r\nä\r\n".encode(), envelope=EIGHT_BIT)
        await world.deliverer.deliver_due_now()
        assert peer.taken[0].content == "\r\nä\r\n".encode()

    play(scene, DeliverySettings(send_8bit_anyway=True))


def test_dsn_parameters_only_where_offered() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("DSN",)))
        envelope = Envelope("alice@a.test", ret="HDRS", envid="id 1+2")
        recipient = Recipient("bob@b.test", frozenset({"SUCCESS", "FAILURE"}), "rfc822;bob+2Bx@b.test")
        await world.put(recipient, envelope=envelope)
        await world.deliverer.deliver_due_now()
        assert peer.commands[1:3] == [
            "MAIL FROM:<alice@a.test> RET=HDRS ENVID=id+201+2B2",
            "RCPT TO:<bob@b.test> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;bob+2Bx@b.test",
        ]
        assert world.mailboxes.reports == []  # the next hop reports

    play(scene)


def test_too_many_recipients_at_once_go_in_the_next_transaction() -> None:
    async def scene(world: World) -> None:
        replies = [b"250 ok", b"250 ok", b"452 4.5.3 too many", b"552 5.5.3 too many", b"250 ok"]
        peer = await world.peer(Peer({"RCPT": replies}))
        await world.put("a@b.test", "b@b.test", "c@b.test", "d@b.test")
        await world.deliverer.deliver_due_now()
        assert [m.recipients for m in peer.taken] == [["a@b.test", "b@b.test"], ["c@b.test", "d@b.test"]]
        assert peer.sessions == 1
        assert await world.entries() == []

    play(scene)


@pytest.mark.parametrize(
    ("limits", "taken", "sessions"),
    [
        ("RCPTMAX=2", [2, 2, 1], 1),
        ("RCPTMAX=2 MAILMAX=1", [2, 2, 1], 3),
        ("RCPTMAX=1 MAILMAX=2", [1, 1, 1, 1, 1], 3),
        ("MAILMAX=1", [5], 1),
        ("RCPTDOMAINMAX=1", [5], 1),
        ("RCPTMAX=x", [5], 1),
    ],
)
def test_limits_that_a_server_tells(limits: str, taken: list[int], sessions: int) -> None:
    """RFC 9422 §4."""

    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("PIPELINING", f"LIMITS {limits}")))
        await world.put(*(f"{name}@b.test" for name in "abcde"))
        await world.deliverer.deliver_due_now()
        assert [len(mail.recipients) for mail in peer.taken] == taken
        assert peer.sessions == sessions
        assert await world.entries() == []

    play(scene)


def test_one_domain_a_session_where_a_server_wants_that() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=("LIMITS RCPTDOMAINMAX=2",)))
        world.settings = DeliverySettings(smarthost=f"127.0.0.1:{peer.port}", smarthost_tls="never")
        await world.put(*(f"x@{name}.test" for name in "bbcdef"))
        await world.deliverer.deliver_due_now()
        assert [mail.recipients for mail in peer.taken] == [
            ["x@b.test", "x@b.test", "x@c.test"],
            ["x@d.test", "x@e.test"],
            ["x@f.test"],
        ]
        assert peer.sessions == 3
        assert await world.entries() == []

    play(scene)


def test_a_refusal_after_a_limit_is_told_and_the_rest_is_sent() -> None:
    async def scene(world: World) -> None:
        script = {"RCPT c@b.test": [b"550 5.1.1 no"], "RCPT d@b.test": [b"450 4.2.0 later"]}
        peer = await world.peer(Peer(script, extensions=("LIMITS RCPTMAX=2 MAILMAX=1",)))
        await world.put(*(f"{name}@b.test" for name in "abcde"))
        await world.deliverer.deliver_due_now()
        assert [mail.recipients for mail in peer.taken] == [["a@b.test", "b@b.test"], ["e@b.test"]]
        assert [entry.recipient.address for entry in await world.entries()] == ["d@b.test"]
        assert "Final-Recipient: rfc822; c@b.test" in world.mailboxes.reports[0]

    play(scene)


def test_a_server_that_closes_after_each_message_is_called_again() -> None:
    async def scene(world: World) -> None:
        replies = [b"250 ok", b"452 4.5.3 too many", b"250 ok"]
        peer = await world.peer(Peer({"RCPT": replies, "MAIL": [b"250 ok", b"421 4.7.0 one each", b"250 ok"]}))
        await world.put("a@b.test", "b@b.test")
        await world.deliverer.deliver_due_now()
        assert [mail.recipients for mail in peer.taken] == [["a@b.test"], ["b@b.test"]]
        assert peer.sessions == 2
        assert await world.entries() == []

    play(scene)


def test_at_most_a_hundred_recipients_a_transaction() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.put(*(f"r{k}@b.test" for k in range(250)))
        await world.deliverer.deliver_due_now()
        assert sorted(len(m.recipients) for m in peer.taken) == [50, 100, 100]

    play(scene)


# ---- smarthost


def test_smarthost_with_tls_and_auth(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(
            Peer(extensions=("PIPELINING", "STARTTLS", "AUTH LOGIN PLAIN"), tls=server_context(tmp_path))
        )
        world.settings = DeliverySettings(
            smarthost=f"127.0.0.1:{peer.port}",
            smarthost_verify=False,
            smarthost_username="alice",
            smarthost_password="secret",
        )
        await world.put("bob@b.test", "carol@c.test", "dave@a.test")
        await world.deliverer.deliver_due_now()
        assert [m.recipients for m in peer.taken] == [["bob@b.test", "carol@c.test"]]
        assert peer.secure == [True]
        assert "AUTH PLAIN AGFsaWNlAHNlY3JldA==" in peer.commands
        assert [to for _, m in world.mailboxes.delivered for to in m.recipients] == ["dave@a.test"]

    play(scene)


def test_smarthost_that_refuses_us_defers() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"AUTH": [b"535 5.7.8 wrong"]}, extensions=("AUTH PLAIN",)))
        world.settings = DeliverySettings(
            smarthost=f"127.0.0.1:{peer.port}", smarthost_tls="never", smarthost_username="a", smarthost_password="b"
        )
        await world.put()
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert entry.last_reply.startswith("454 4.7.0")
        assert "535 5.7.8 wrong" in entry.last_reply

    play(scene)


@pytest.mark.parametrize("verify", [True, False])
def test_smarthost_over_implicit_tls_is_verified(tmp_path: Path, verify: bool) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(tls=server_context(tmp_path), implicit_tls=True))
        world.settings = DeliverySettings(
            smarthost=f"127.0.0.1:{peer.port}", smarthost_tls="implicit", smarthost_verify=verify
        )
        await world.put()
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == (0 if verify else 1)
        if verify:
            (entry,) = await world.entries()
            assert "certificate" in entry.last_reply.lower()

    play(scene)


def test_a_route_skips_the_look_up() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        world.settings = DeliverySettings(routes={"C.test": f"127.0.0.1:{peer.port}"})
        await world.put("bob@c.test")
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 1
        assert world.resolver.asked == []

    play(scene)


class SlowV4(StaticResolver):
    """Says nothing of IPv4 addresses for a while."""

    async def a(self, host: str) -> Answer[str]:
        await asyncio.sleep(0.05)
        return await super().a(host)


@pytest.mark.parametrize("refused", [False, True])
def test_addresses_that_the_dns_tells_late_are_called_late(refused: bool) -> None:
    """What was known first is down, or sends us away: the other kind of address is tried in the same attempt."""

    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        other = Peer({"GREETING": [b"421 4.3.2 go away"]})
        if refused:
            await other.start("::1", peer.port)
        world.resolver = SlowV4(
            mx_records={"b.test": [(10, "mx.b.test")]},
            a_records={"mx.b.test": [peer.address]},
            aaaa_records={"mx.b.test": ["::1"]},
        )
        await world.put()
        await world.deliverer.deliver_due_now()
        await other.stop()
        assert len(peer.taken) == 1
        (call,) = world.steps.of("call")
        assert str(call["relay"]).startswith("mx.b.test [::1]")
        assert other.sessions == refused

    play(scene)
