"""The runner: what is due leaves, soon, not too much at once, and nothing is lost when it stops."""

import asyncio
import gc
import logging
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from tests.delivery.peer import SILENT, Peer
from tests.delivery.world import Refusal, World, play

from postroom.base import SeededIds, SystemClock
from postroom.delivery import DeliverySettings
from postroom.delivery.settings import RelaySettings
from postroom.queue import Entry, EntryState, Envelope, QueueFailure, QueueSettings, SqliteQueue


async def until(condition: object) -> None:
    """Let the loop run until a condition (a function) holds."""
    assert callable(condition)
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


def test_mail_leaves_as_it_comes() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.deliverer.start()
        for number in range(1, 4):
            await world.put()
            await until(lambda n=number: len(peer.taken) == n and len(world.deliverer._idle) == 1)
        assert peer.sessions == 1  # the connection is kept for the next message
        await world.clock.advance(6)
        await until(lambda: peer.commands[-1] == "QUIT")

    play(scene)


def test_a_retry_happens_by_itself_when_its_time_comes() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"MAIL": [b"451 4.3.0 later", b"250 ok"]}))
        await world.deliverer.start()
        await world.put()
        await until(lambda: peer.counts["MAIL"] == 1)
        await asyncio.sleep(0.01)
        await world.clock.advance(331)
        await until(lambda: len(peer.taken) == 1)

    play(scene)


def test_several_destinations_at_once_but_bounded() -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(
            port=world.settings.port, max_connections=3, max_connections_per_destination=2, max_idle_connections=0
        )
        peer = await world.peer(Peer())
        for k in range(6):
            domain = f"d{k}.test"
            world.resolver.mx_records[domain] = [(1, "mx1.b.test")]
            for _ in range(5):
                await world.put(f"x@{domain}")
        assert await world.deliverer.deliver_due_now() == 30
        assert len(peer.taken) == 30
        assert peer.most_open <= 3
        assert await world.entries() == []

    play(scene)


def test_one_busy_destination_does_not_starve_others() -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(
            max_connections=4, max_connections_per_destination=2, greeting_timeout_seconds=0.04
        )
        silent = await world.peer(Peer({"GREETING": [SILENT]}), name="slow.test")
        good = await world.peer(Peer(), name="quick.test")
        for _ in range(10):
            await world.put("x@slow.test")
        for _ in range(10):
            await world.put("x@quick.test")
        delivering = asyncio.ensure_future(world.deliverer.deliver_due_now())
        await until(lambda: len(good.taken) == 10)
        assert silent.sessions <= 2
        assert not delivering.done()
        await delivering

    play(scene)


def test_what_one_destination_has_too_much_of_stays_in_the_queue_until_there_is_room() -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(max_waiting_per_destination=3, max_connections_per_destination=1)
        peer = await world.peer(Peer({"GREETING": [SILENT]}))
        for _ in range(8):
            await world.put()
        await world.deliverer.start()
        await until(lambda: peer.sessions == 1)
        states = [(e.state, e.attempts, e.next_attempt - world.clock.now()) for e in await world.entries()]
        assert Counter(states) == {(EntryState.SENDING, 0, 0.0): 3, (EntryState.WAITING, 0, 0.0): 5}

    play(scene)


def test_all_of_it_is_sent_in_the_end() -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(max_waiting_per_destination=3)
        peer = await world.peer(Peer())
        for _ in range(8):
            await world.put()
        assert await world.deliverer.deliver_due_now() >= 8
        assert len(peer.taken) == 8

    play(scene)


def test_a_connection_is_used_for_many_messages_but_not_for_ever() -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(max_messages_per_connection=4, max_connections_per_destination=1)
        peer = await world.peer(Peer())
        for _ in range(10):
            await world.put()
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 10
        assert peer.sessions == 3
        assert peer.counts["RSET"] == 0

    play(scene)


def test_a_kept_connection_that_died_costs_nothing() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"MAIL": [b"250 ok", b"421 4.4.2 idle too long", b"250 ok"]}))
        await world.put()
        await world.deliverer.deliver_due_now()
        await world.put()
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 2
        assert peer.sessions == 2
        await peer.stop()
        await asyncio.sleep(0.01)
        await peer.start(port=peer.port)
        await world.put()
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 3
        assert await world.entries() == []

    play(scene)


def test_rset_between_transactions_after_a_refusal() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"RCPT no@b.test": [b"550 5.1.1 no"]}, extensions=()))
        await world.put("no@b.test")
        await world.deliverer.deliver_due_now()
        await world.put("bob@b.test")
        await world.deliverer.deliver_due_now()
        assert peer.sessions == 1
        verbs = " ".join(line.split()[0] for line in peer.commands)
        assert verbs == "EHLO MAIL RCPT RSET MAIL RCPT DATA"

    play(scene)


# ---- local mailboxes


def test_local_recipients_get_theirs_with_the_queue_id() -> None:
    async def scene(world: World) -> None:
        queue_id = await world.put("bob@a.test", "postmaster")
        await world.deliverer.deliver_due_now()
        assert [(name, m.mail_from, m.recipients) for name, m in world.mailboxes.delivered] == [
            (queue_id, "alice@a.test", ["bob@a.test"]),
            (queue_id, "alice@a.test", ["postmaster"]),
        ]
        assert await world.entries() == []

    play(scene)


def test_a_full_mailbox_is_tried_again_and_a_bug_too(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        world.mailboxes.refusals = [Refusal(), ZeroDivisionError("secret detail")]
        await world.put("bob@a.test")
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert entry.last_reply == "452 4.2.2 Mailbox full (local)"
        await world.clock.advance(400)
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.attempts, "secret" in entry.last_reply) == (2, False)
        await world.clock.advance(1000)
        await world.deliverer.deliver_due_now()
        assert len(world.mailboxes.delivered) == 1

    play(scene)
    assert "secret detail" in caplog.text


# ---- stopping


def test_stop_hands_back_what_is_under_way() -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(stop_timeout_seconds=0.05, max_connections_per_destination=2)
        await world.peer(Peer({"GREETING": [SILENT]}))
        for _ in range(5):
            await world.put()
        await world.deliverer.start()
        await until(lambda: world.peers[0].sessions == 2)
        await world.deliverer.stop()
        assert {(e.state, e.attempts) for e in await world.entries()} == {(EntryState.WAITING, 0)}

    play(scene)
    gc.collect()  # an unclosed socket would be an error here


def test_stop_lets_an_attempt_end() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.deliverer.start()
        await world.put()
        await until(lambda: peer.sessions == 1)
        await world.deliverer.stop()
        assert len(peer.taken) == 1
        assert await world.entries() == []
        await world.put()
        await asyncio.sleep(0.01)
        assert await world.deliverer.deliver_due_now() == 0
        assert len(peer.taken) == 1

    play(scene)


# ---- five days


def test_five_days_of_retries() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer({"MAIL": [b"451 4.3.2 not today"]}))
        await world.put()
        start = world.clock.now()
        attempts: list[float] = []
        while due := await world.queue.next_due():
            await world.clock.advance(max(0.0, due - world.clock.now()))
            attempts.append(world.clock.now() - start)
            await world.deliverer.deliver_due_now()
        assert attempts[0] == 0
        assert attempts[-1] == pytest.approx(432_000)
        assert 270 <= attempts[1] <= 330
        gaps = [b - a for a, b in pairwise(attempts)]
        assert all(gap <= 14_400 * 1.1 for gap in gaps)
        assert all(later >= earlier for earlier, later in pairwise(gaps[:6]))
        assert len(attempts) == peer.counts["MAIL"]
        assert 34 <= len(attempts) <= 40
        warning, final = world.mailboxes.reports
        assert "Action: delayed" in warning
        assert "Will-Retry-Until:" in warning
        assert "Action: failed" in final
        assert "Status: 5.4.7" in final
        assert "451 4.3.2 not today" in final

    play(scene)


def test_on_disk_the_same(tmp_path: Path) -> None:
    """One message through the real queue, with an end of the process in between."""

    async def scene() -> None:
        clock = SystemClock()
        queue = SqliteQueue(tmp_path, QueueSettings(inline_limit_octets=100), clock, SeededIds())
        world = World(queue=queue)
        world.clock = clock  # type: ignore[assignment]
        try:
            peer = await world.peer(Peer({"MAIL": [b"451 4.3.2 later", b"250 ok"]}))
            queue_id = await world.put("a@b.test", "b@b.test", content=b"Subject: x\r\n\r\n" + b"y" * 300_000 + b"\r\n")
            await world.deliverer.deliver_due_now()
            assert await queue.retry_now([queue_id], clock.now()) == 2
            await world.deliverer.deliver_due_now()
            (mail,) = peer.taken
            assert (len(mail.content), mail.recipients) == (300_016, ["a@b.test", "b@b.test"])
            assert await queue.entries() == []
        finally:
            await world.close()

    asyncio.run(scene())


def test_an_unexpected_failure_defers(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.put()

        async def broken(message_id: str, start: int, end: int) -> bytes:
            raise RuntimeError("disk on fire")

        monkeypatch.setattr(world.queue, "read", broken)
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.attempts, entry.last_reply) == (1, "451 4.3.0 Internal error, will be tried again (none)")
        assert peer.taken == []
        monkeypatch.undo()

    play(scene)
    assert "disk on fire" in caplog.text


def test_a_content_that_ends_early_is_never_sent_as_whole(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=()))
        await world.put(content=b"x" * 600_000)
        real = world.queue.read

        async def short(message_id: str, start: int, end: int) -> bytes:
            return await real(message_id, start, end) if start == 0 else b""

        world.queue.read = short  # type: ignore[method-assign]
        await world.deliverer.deliver_due_now()
        await until(lambda: peer.open == 0)
        assert peer.taken == []
        (entry,) = await world.entries()
        assert entry.attempts == 1

    play(scene)
    assert "content ends at" in caplog.text


def test_a_directory_in_trouble_neither_bounces_nor_calls_ourselves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(world: World) -> None:
        async def broken(domain: str) -> bool:
            raise RuntimeError("database locked")

        monkeypatch.setattr(world.mailboxes, "is_local_domain", broken)
        await world.put("bob@a.test")
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.state, entry.attempts, entry.next_attempt - world.clock.now()) == (EntryState.WAITING, 0, 10.0)
        monkeypatch.undo()
        await world.clock.advance(10)
        await world.deliverer.deliver_due_now()
        assert len(world.mailboxes.delivered) == 1

    play(scene)
    assert "database locked" in caplog.text


def test_the_runner_outlives_a_queue_in_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        real, troubles = world.queue.claim, [QueueFailure("disk"), RuntimeError("bug")]

        async def claim(now: float, limit: int, **options: object) -> list[Entry]:
            if troubles:
                raise troubles.pop()
            return await real(now, limit, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(world.queue, "claim", claim)
        await world.deliverer.start()
        await world.put()
        async with asyncio.timeout(5):
            while not peer.taken:
                await asyncio.sleep(0.002)
                await world.clock.advance(1)

    play(scene)
    assert "disk" in caplog.text
    assert "bug" in caplog.text


def test_an_outcome_that_cannot_be_settled_is_left_to_an_operator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        await world.put()

        async def broken(entry_ids: list[int]) -> None:
            raise RuntimeError("bug")

        monkeypatch.setattr(world.queue, "finish", broken)
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert (entry.state, len(peer.taken)) == (EntryState.HELD, 1)

    play(scene)
    assert "held for an operator" in caplog.text


def test_every_outcome_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "postroom.delivery")

    async def scene(world: World) -> None:
        await world.peer(Peer({"RCPT no@b.test": [b"550 5.1.1 no"], "RCPT later@b.test": [b"450 4.2.0 later"]}))
        await world.put("ok@b.test", "no@b.test", "later@b.test", "bob@a.test")
        await world.deliverer.deliver_due_now()

    play(scene)
    lines = [r.getMessage() for r in caplog.records if " status=" in r.getMessage()]
    assert sorted(line.split("status=")[1].split()[0] for line in lines) == ["bounced", "deferred", "sent", "sent"]


def test_an_operator_sends_a_message_by_another_route() -> None:
    async def scene(world: World) -> None:
        usual = await world.peer(Peer())
        other = Peer()
        await other.start("127.0.0.9", 0)
        moved = await world.put()
        await world.put("carol@b.test")
        assert await world.queue.move([moved], f"127.0.0.9:{other.port}", world.clock.now()) == 1
        await world.deliverer.deliver_due_now()
        assert [mail.recipients for mail in other.taken] == [["bob@b.test"]]
        assert [mail.recipients for mail in usual.taken] == [["carol@b.test"]]
        await world.deliverer.close_idle()
        await other.stop()

    play(scene)


def test_relays_do_not_share_connections_but_their_domains_do() -> None:
    async def scene(world: World) -> None:
        first = await world.peer(Peer(extensions=("AUTH PLAIN",)))
        second = Peer(extensions=("AUTH PLAIN",))
        await second.start("127.0.0.1", 0)
        relay = {
            name: RelaySettings(hosts=(f"127.0.0.1:{port}",), tls="never", username=name, password="secret")
            for name, port in (("one", first.port), ("two", first.port), ("other", second.port))
        }
        routes: dict[str, str | tuple[str, ...]] = {"b.test": "one", ".b.test": "one", "c.test": "two"}
        sender_routes: dict[str, str | tuple[str, ...]] = {"news@a.test": "other"}
        world.settings = DeliverySettings(relay=relay, routes=routes, sender_routes=sender_routes)
        await world.put("x@b.test", "y@sub.b.test", "z@c.test")
        await world.put("x@d.test", envelope=Envelope("news@a.test"))
        await world.deliverer.deliver_due_now()
        await world.deliverer.close_idle()
        assert sorted(mail.recipients for mail in first.taken) == [["x@b.test", "y@sub.b.test"], ["z@c.test"]]
        signed_in = sorted(line for line in first.commands if line.startswith("AUTH"))
        assert signed_in == ["AUTH PLAIN AG9uZQBzZWNyZXQ=", "AUTH PLAIN AHR3bwBzZWNyZXQ="]
        assert [mail.recipients for mail in second.taken] == [["x@d.test"]]
        await second.stop()

    play(scene)


def test_many_domains_behind_one_relay_wait_for_nothing_but_it() -> None:
    """Bug: each domain was claimed as much as the relay's lane takes; the surplus rested for two seconds."""

    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        world.settings = DeliverySettings(
            smarthost=f"127.0.0.1:{peer.port}", smarthost_tls="never", max_waiting_per_destination=20
        )
        for k in range(300):
            await world.put(f"x{k}@d{k % 60}.test")
        await world.deliverer.start()
        await until(lambda: len(peer.taken) == 300)  # and the clock stands still

    play(scene)


def test_a_message_moved_to_a_relay_that_is_gone_waits_and_says_so() -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        moved = await world.put()
        await world.queue.move([moved], "gone", world.clock.now())
        await world.deliverer.deliver_due_now()
        (entry,) = await world.entries()
        assert entry.last_reply.startswith("451 4.3.5 The route 'gone' that was chosen")
        await world.queue.move([moved], "", world.clock.now())
        await world.deliverer.deliver_due_now()
        assert len(peer.taken) == 1

    play(scene)


@pytest.mark.parametrize(("stage", "doubt"), [("END", True), ("DATA", False)])
def test_stopping_after_the_final_dot_leaves_a_doubt_that_is_told(stage: str, doubt: bool) -> None:
    async def scene(world: World) -> None:
        world.settings = DeliverySettings(stop_timeout_seconds=0.01)
        peer = await world.peer(Peer({stage: [SILENT]}))
        await world.put("bob@b.test", "carol@b.test")
        await world.deliverer.start()
        await until(lambda: peer.silences == 1)
        await world.deliverer.stop()
        doubts = [step["to"] for step in world.steps.of("in doubt")]
        assert doubts == ([["bob@b.test", "carol@b.test"]] if doubt else [])
        assert {entry.state for entry in await world.entries()} == {EntryState.WAITING}

    play(scene)
