"""What every queue does, on disk or not."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds, Spool
from postroom.queue import (
    BOUNCE,
    RETRY,
    DeliverBy,
    DestinationSummary,
    EntryState,
    Envelope,
    MemoryQueue,
    NoSuchEntry,
    Queue,
    QueueFull,
    QueueSettings,
    Recipient,
    Share,
    SqliteQueue,
    Suppression,
    sent_by,
)

Play = Callable[[Queue, FakeClock], Awaitable[None]]
START = FakeClock().now()


class Stage:
    """Runs a play on a fresh queue of one kind."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.directory = directory

    def run(self, play: Play, settings: QueueSettings | None = None) -> None:
        async def scene() -> None:
            clock = FakeClock()
            chosen = settings or QueueSettings(inline_limit_octets=1000)
            queue: Queue = (
                SqliteQueue(self.directory, chosen, clock, SeededIds())
                if self.kind == "sqlite"
                else MemoryQueue(chosen, clock, SeededIds())
            )
            try:
                await play(queue, clock)
            finally:
                await queue.close()

        asyncio.run(scene())


@pytest.fixture(params=["sqlite", "memory"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    return Stage(request.param, tmp_path)


async def put(queue: Queue, *addresses: str, content: bytes = b"Subject: x\r\n\r\nhi\r\n", **options: object) -> str:
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(content)
        envelope = Envelope("alice@a.test")
        recipients = [Recipient(address) for address in addresses or ("bob@b.test",)]
        return await queue.enqueue(envelope, recipients, spool, **options)  # type: ignore[arg-type]


def test_what_was_put_in_is_there(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        envelope = Envelope(
            "älice@a.test",
            body_8bit=True,
            smtputf8=True,
            ret="HDRS",
            envid="e+1 2",
            binary=True,
            require_tls=True,
            deliver_by=DeliverBy(START + 60.5, notify_only=True, trace=True),
            priority=-3,
        )
        recipients = [
            Recipient("bob@b.test", frozenset({"SUCCESS", "FAILURE"}), "rfc822;bob+2Btag@b.test"),
            Recipient("carol@c.test", frozenset({"NEVER"})),
            Recipient("dave@d.test"),
        ]
        with Spool(Path("unused"), 1 << 30) as spool:
            spool.write(b"content")
            queue_id = await queue.enqueue(envelope, recipients, spool, prefix=b"Received: x\r\n")
        entries = await queue.message_entries(queue_id)
        assert [e.recipient for e in entries] == recipients
        assert all(e.message == entries[0].message for e in entries)
        message = entries[0].message
        assert (message.message_id, message.envelope) == (queue_id, envelope)
        assert (message.size, message.arrived) == (20, START)
        assert {(e.state, e.attempts, e.next_attempt, e.last_reply, e.delay_warned) for e in entries} == {
            (EntryState.WAITING, 0, START, "", False)
        }
        assert await queue.entries() == entries

    stage.run(play)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000])
def test_read_any_range(stage: Stage, size: int) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        content = bytes(k % 251 for k in range(size))
        queue_id = await put(queue, content=content, prefix=b"Received: here\r\n")
        whole = b"Received: here\r\n" + content
        for start, end in ((0, len(whole)), (0, 1), (0, 10**9), (3, 16), (10, 20), (16, 17), (17, 900), (5, 5), (9, 3)):
            assert await queue.read(queue_id, start, end) == whole[start:end], (start, end)
        assert await queue.read(queue_id, len(whole), len(whole) + 5) == b""

    stage.run(play)


def test_claim_in_order_of_due_time_and_only_once(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        first = await put(queue, "a@b.test", "b@b.test")
        await clock.advance(10)
        await put(queue, "c@b.test")
        assert await queue.next_due() == START
        assert [e.recipient.address for e in await queue.claim(START, 10)] == ["a@b.test", "b@b.test"]
        assert await queue.next_due() == START + 10
        assert [e.recipient.address for e in await queue.claim(START + 10, 10)] == ["c@b.test"]
        assert await queue.claim(START + 10, 10) == []
        assert await queue.next_due() is None
        assert {e.state for e in await queue.message_entries(first)} == {EntryState.SENDING}

    stage.run(play)


def test_claim_respects_its_limit(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue, *(f"r{k}@b.test" for k in range(5)))
        assert [len(await queue.claim(START, 2)) for _ in range(4)] == [2, 2, 1, 0]

    stage.run(play)


def test_defer_counts_and_remembers(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue)
        (entry,) = await queue.claim(START, 1)
        await queue.defer([entry.entry_id], START + 300, "451 4.7.1 later (mx)", delay_warned=True)
        (entry,) = await queue.entries()
        assert (entry.state, entry.attempts, entry.next_attempt) == (EntryState.WAITING, 1, START + 300)
        assert (entry.last_reply, entry.delay_warned) == ("451 4.7.1 later (mx)", True)
        assert await queue.claim(START + 299, 9) == []
        (entry,) = await queue.claim(START + 300, 9)
        await queue.defer([entry.entry_id], START + 900, "x" * 5000)
        (entry,) = await queue.entries()
        assert (entry.attempts, entry.delay_warned, len(entry.last_reply)) == (2, True, 1000)

    stage.run(play)


def test_release_does_not_count(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue, "a@b.test", "b@b.test")
        first, second = await queue.claim(START, 9)
        await queue.release([first.entry_id])
        await queue.release([second.entry_id], not_before=START + 30)
        first, second = await queue.entries()
        assert (first.state, first.attempts, first.next_attempt) == (EntryState.WAITING, 0, START)
        assert (second.state, second.attempts, second.next_attempt) == (EntryState.WAITING, 0, START + 30)

    stage.run(play)


@pytest.mark.parametrize("size", [10, 5000])
def test_the_message_goes_with_its_last_entry(stage: Stage, size: int) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        queue_id = await put(queue, "a@b.test", "b@b.test", content=b"x" * size)
        first, second = await queue.claim(START, 9)
        await queue.finish([first.entry_id])
        assert await queue.read(queue_id, 0, 3) == b"xxx"
        assert [e.entry_id for e in await queue.entries()] == [second.entry_id]
        await queue.finish([second.entry_id, first.entry_id])
        assert await queue.entries() == []
        for question in (queue.read(queue_id, 0, 3), queue.message_entries(queue_id)):
            with pytest.raises(NoSuchEntry):
                await question
        if stage.kind == "sqlite":
            assert [p.name for p in (stage.directory / "queue").iterdir()] == ["lock"]

    stage.run(play)


def test_entry_ids_are_not_used_again(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue)
        (old,) = await queue.claim(START, 1)
        await queue.remove(["all"])
        await put(queue)
        await queue.finish([old.entry_id])  # the attempt ends late
        assert len(await queue.entries()) == 1

    stage.run(play)


def test_hold_and_unhold(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        held_id = await put(queue, hold=True)
        assert [e.state for e in await queue.entries()] == [EntryState.HELD]
        assert await queue.claim(START + 99, 9) == []
        assert await queue.next_due() is None
        assert await queue.retry_now(["all"], START) == 0  # held mail is not retried behind the operator's back
        assert await queue.unhold([held_id], START + 5) == 1
        assert await queue.next_due() == START + 5
        assert await queue.hold([held_id]) == 1
        assert await queue.hold([held_id]) == 0

    stage.run(play)


def test_all_that_an_account_has_sent_is_held_and_goes_on(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for holder in (7, 7, 70, None):
            await put_for(queue, "a@a.test", "x@b.test", "y@b.test", holder=holder)
        assert await queue.hold([sent_by(7)]) == 4
        assert await queue.hold([sent_by(8)]) == 0
        assert [e.message.envelope.holder for e in await queue.claim(START, 9)] == [70, 70, None, None]
        assert await queue.unhold([sent_by(7)], START) == 4
        assert [e.message.envelope.holder for e in await queue.claim(START, 9)] == [7] * 4

    stage.run(play)


def test_hold_and_remove_win_over_an_attempt_under_way(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue, "a@b.test", "b@b.test", "c@b.test", "d@b.test")
        a, b, c, d = [e.entry_id for e in await queue.claim(START, 9)]
        assert await queue.hold([str(a), str(b), str(c)]) == 3
        await queue.release([a])
        await queue.defer([b], START + 60, "450 later")
        await queue.finish([c])
        assert await queue.remove([str(d)]) == 1
        await queue.defer([d], START + 60, "450 later")
        left = {e.entry_id: e for e in await queue.entries()}
        assert {k: e.state for k, e in left.items()} == {a: EntryState.HELD, b: EntryState.HELD}
        assert (left[b].attempts, left[b].last_reply) == (1, "450 later")

    stage.run(play)


def test_operators_name_messages_entries_or_all(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        first = await put(queue, "a@b.test", "b@b.test")
        await put(queue, "c@b.test")
        ids = [e.entry_id for e in await queue.claim(START, 9)]
        await queue.defer(ids, START + 300, "450 later")
        assert await queue.retry_now([first], START + 7) == 2
        assert await queue.retry_now([str(ids[2]), str(ids[2]), "nonsense", "999", ""], START + 8) == 1
        assert [e.next_attempt - START for e in await queue.entries()] == [7, 7, 8]
        assert await queue.remove([first, str(ids[0])]) == 2
        assert await queue.remove(["all"]) == 1
        assert await queue.remove(["all"]) == 0

    stage.run(play)


def test_message_ids(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        assert await put(queue, message_id="abc-local") == "abc-local"
        for size in (5, 5000):
            with pytest.raises(ValueError, match="in use"):
                await put(queue, message_id="abc-local", content=b"y" * size)
        assert (await queue.read("abc-local", 0, 9999)).startswith(b"Subject")
        for bad in ("", "../x", "a/b", ".hidden", "a" * 65, "ä"):
            with pytest.raises(ValueError, match="queue id"):
                await put(queue, message_id=bad)
        with pytest.raises(ValueError, match="recipient"), Spool(Path("unused"), 9) as spool:
            await queue.enqueue(Envelope(""), [], spool)
        generated = await put(queue)
        assert not generated.isdecimal()

    stage.run(play)


def test_full_by_messages(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue)
        await put(queue)
        with pytest.raises(QueueFull):
            await put(queue, content=b"x" * 5000)
        await queue.remove(["all"])
        await put(queue)

    stage.run(play, QueueSettings(max_messages=2, inline_limit_octets=1000))


def test_full_by_octets(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue, content=b"x" * 60)
        with pytest.raises(QueueFull):
            await put(queue, content=b"x" * 41)
        await put(queue, content=b"x" * 40)

    stage.run(play, QueueSettings(max_octets=100))


def test_wakes(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        wakes: list[str] = []
        queue.on_new_work(lambda: wakes.append("!"))

        async def woken() -> bool:
            heard = bool(wakes)
            wakes.clear()
            return heard

        await put(queue)
        assert await woken()
        (entry,) = await queue.claim(START, 9)
        assert not await woken()
        await queue.release([entry.entry_id])
        assert await woken()
        await queue.hold(["all"])
        await woken()
        await queue.unhold(["all"], START)
        assert await woken()
        await queue.retry_now(["all"], START)
        assert await woken()
        (entry,) = await queue.claim(START, 9)
        await queue.defer([entry.entry_id], START + 1, "450 later")
        assert await woken()

    stage.run(play)


async def put_for(queue: Queue, sender: str, *addresses: str, **options: object) -> str:
    with Spool(Path("unused"), 1 << 30) as spool:
        spool.write(b"Subject: x\r\n\r\nhi\r\n")
        envelope = Envelope(sender, **options)  # type: ignore[arg-type]
        return await queue.enqueue(envelope, [Recipient(address) for address in addresses], spool)


async def claimed(queue: Queue, now: float, limit: int, **options: object) -> list[str]:
    return [e.recipient.address for e in await queue.claim(now, limit, **options)]  # type: ignore[arg-type]


def test_each_destination_gets_its_share(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for k in range(50):
            await put(queue, f"r{k}@slow.test")
        await clock.advance(1)
        await put(queue, "a@B.test")
        await put(queue, "b@b.test")
        await clock.advance(1)
        await put(queue, "c@c.test", "d@full.test")
        now = clock.now()
        assert await claimed(queue, now, 9, share=2, shares={"full.test": Share(0), "b.test": Share(1)}) == [
            "r0@slow.test",
            "r1@slow.test",
            "a@B.test",
            "c@c.test",
        ]
        assert await queue.next_due({"slow.test"}) == START + 1
        assert await queue.next_due({"slow.test", "b.test"}) == START + 2
        assert await claimed(queue, now, 3, share=2, shares={"slow.test": Share(0)}) == ["d@full.test", "b@b.test"]
        assert await queue.next_due({"slow.test"}) is None

    stage.run(play)


def test_destinations_that_go_the_same_way_have_one_share(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for k in range(90):
            await put(queue, f"r{k}@d{k % 3}.test")
        await put(queue, "x@other.test")
        relay = Share(40)
        shares = {f"d{k}.test": relay for k in range(3)}
        first = await claimed(queue, START, 999, share=2, shares=shares)
        parts = Counter(address.rpartition("@")[2] for address in first)
        assert parts == {"d0.test": 13, "d1.test": 13, "d2.test": 13, "other.test": 1}
        assert relay.left == 1
        await clock.advance(1)
        second = await claimed(queue, clock.now(), 999, share=2, shares=shares)
        assert len(second) == 1  # the last of it
        assert relay.left == 0
        assert await claimed(queue, clock.now(), 999, share=2, shares=shares) == []

    stage.run(play)


def test_many_destinations_that_go_the_same_way_take_turns(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for k in range(400):
            await put(queue, f"r{k}@d{k % 20}.test")
        turns = list[set[str]]()
        for _ in range(4):
            relay = Share(50)
            got = await claimed(queue, clock.now(), 999, shares={f"d{k}.test": relay for k in range(20)})
            assert len(got) == 50
            turns.append({address.rpartition("@")[2] for address in got})
            await clock.advance(1)
        assert [len(turn) for turn in turns] == [5, 5, 5, 5]  # in parts that are worth a look
        assert len(set().union(*turns)) == 20

    stage.run(play)


def test_destinations_take_turns_however_long_their_lines_are(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for k in range(30):
            await put(queue, f"r{k}@d{k % 3}.test")
        await clock.advance(1)
        await put(queue, "a@late.test")
        seen = list[str]()
        for _ in range(3):
            await clock.advance(1)
            seen += await claimed(queue, clock.now(), 4, share=2)
        # with room for four, each of the four has a share of one; then those of whom more is due come again
        assert seen[:4] == ["r0@d0.test", "r1@d1.test", "r2@d2.test", "a@late.test"]
        assert seen[4:] == ["r3@d0.test", "r4@d1.test", "r5@d2.test", "r6@d0.test", "r7@d1.test", "r8@d2.test"]

    stage.run(play)


def test_recipients_of_one_message_come_together(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue, "other@c.test", *(f"r{k}@b.test" for k in range(30)))
        await put(queue, "x@b.test")
        assert len(await claimed(queue, START, 99, share=2, shares={"c.test": Share(0)})) == 30
        assert await claimed(queue, START, 99, share=2) == ["other@c.test", "x@b.test"]

    stage.run(play)


def test_a_sender_with_many_messages_does_not_keep_others_waiting(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for k in range(40):
            await put_for(queue, "bulk@a.test", f"bulk{k}@b.test")
        await clock.advance(0.2)
        await put_for(queue, "alice@a.test", "one@b.test")
        first = await claimed(queue, clock.now(), 6)
        assert "one@b.test" in first
        assert first[0] == "bulk0@b.test"
        assert len(await claimed(queue, clock.now(), 99)) == 35  # nobody waits for a turn when there is room

    stage.run(play)


def test_priority_goes_before_turn(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put_for(queue, "a@a.test", "low@b.test", priority=-4)
        await put_for(queue, "a@a.test", "usual@b.test")
        await put_for(queue, "a@a.test", "high@b.test", priority=6)
        last = await put_for(queue, "a@a.test", "raised@b.test")
        assert await queue.prioritize([last], 9) == 1
        assert await claimed(queue, clock.now(), 3) == ["raised@b.test", "high@b.test", "usual@b.test"]

    stage.run(play)


def test_future_release(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put_for(queue, "a@a.test", "b@b.test", hold_until=START + 500)
        assert await queue.next_due() == START + 500
        assert await claimed(queue, START + 499, 9) == []
        assert await claimed(queue, START + 500, 9) == ["b@b.test"]

    stage.run(play)


def test_a_paused_destination_waits(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        await put(queue, "a@b.test", "c@c.test")
        assert await queue.paused() == []
        await queue.pause(["nobody.test", "B.test"])
        assert await queue.paused() == ["b.test", "nobody.test"]
        assert await claimed(queue, START, 9) == ["c@c.test"]
        assert await queue.next_due() is None
        await put(queue, "d@b.test")
        assert await claimed(queue, START, 9) == []
        assert await queue.summaries() == [
            DestinationSummary("b.test", 2, 0, 0, START, True, START),
            DestinationSummary("c.test", 0, 1, 0, None, False, START),
            DestinationSummary("nobody.test", 0, 0, 0, None, True, 0.0),
        ]
        assert await queue.resume(["b.test", "x.test"]) == 1
        assert await queue.paused() == ["nobody.test"]
        assert await claimed(queue, START, 9) == ["a@b.test", "d@b.test"]

    stage.run(play)


def test_operators_wishes(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        queue_id = await put(queue, "a@b.test", "b@b.test", "c@b.test")
        ids = [e.entry_id for e in await queue.claim(START, 9)]
        await queue.defer(ids, START + 300, "450 later")
        assert await queue.retry_now([str(ids[0])], START + 1) == 1
        assert await queue.hold([str(ids[1])]) == 1
        assert await queue.bounce([str(ids[1])], START + 1, "Not wanted") == 1
        assert await queue.move([queue_id], "backup", START + 2) == 3
        first, second, third = await queue.entries()
        assert [first.wish, second.wish, third.wish] == [RETRY, RETRY, RETRY]
        assert {e.route for e in (first, second, third)} == {"backup"}
        assert {e.next_attempt for e in (first, second, third)} == {START + 2}
        assert await queue.bounce([queue_id], START + 3, "Not wanted") == 3
        got = await queue.claim(START + 3, 9)
        assert {e.wish for e in got} == {BOUNCE + "Not wanted"}
        await queue.defer(ids, START + 9, "450 later")
        assert {e.wish for e in await queue.entries()} == {""}

    stage.run(play)


def test_suppression_after_the_third_refusal(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        assert await queue.held_against(["bob@b.test"]) == {}
        for k in range(3):
            await queue.note_refused(["bob@b.test", f"other{k}@b.test"], "550 5.1.1 no", START + k)
        found = await queue.held_against(["Bob@b.test", "other0@b.test", "x@b.test"])
        assert found == {
            "Bob@b.test": Suppression("bob@b.test", 3, "550 5.1.1 no", START + 2, START + 2 + 100),
            "other0@b.test": Suppression("other0@b.test", 1, "550 5.1.1 no", START, None),
        }
        await queue.note_accepted(["bob@b.test", "nobody@b.test"])
        assert await queue.held_against(["bob@b.test"]) == {}
        await queue.suppress("X@b.test", "by hand", START, START + 9)
        assert (await queue.held_against(["x@b.test"]))["x@b.test"].until == START + 9
        assert (await queue.suppressions())[0].address == "other2@b.test"
        assert await queue.unsuppress(["x@b.test", "y@b.test"]) == 1

    stage.run(play, QueueSettings(suppress_after_bounces=3, suppress_seconds=100))


def test_suppressions_are_bounded(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        for k in range(5):
            await queue.note_refused([f"r{k}@b.test"], "550 no", START + k)
        assert [one.address for one in await queue.suppressions()] == ["r4@b.test", "r3@b.test"]

    stage.run(play, QueueSettings(max_suppressions=2))


def test_a_recipient_has_a_way_a_sender_and_header_lines_of_its_own(stage: Stage) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        own = Recipient("bob@b.test", way="lmtp:/run/App.sock", mail_from="srs@a.test", lead=b"Delivered-To: x\r\n")
        with Spool(Path("unused"), 1 << 30) as spool:
            spool.write(b"content")
            await queue.enqueue(Envelope("alice@a.test"), [own, Recipient("bob@b.test")], spool)
        first, second = await queue.entries()
        assert first.recipient == own
        assert (first.message.envelope.mail_from, second.message.envelope.mail_from) == ("srs@a.test", "alice@a.test")
        assert (first.message.lead, first.message.size) == (b"Delivered-To: x\r\n", 24)
        assert (second.message.lead, second.message.size) == (b"", 7)
        assert {(one.name, one.waiting) for one in await queue.summaries()} == {
            ("lmtp:/run/app.sock", 1),
            ("b.test", 1),
        }
        assert await queue.entries(destination="lmtp:/run/app.sock") == [first]
        await queue.pause(["lmtp:/run/App.sock"])
        assert [entry.destination for entry in await queue.claim(START, 9)] == ["b.test"]

    stage.run(play)


@pytest.mark.parametrize("size", [7, 5000])
def test_what_is_sent_on_once_is_not_sent_on_again(stage: Stage, size: int) -> None:
    async def play(queue: Queue, clock: FakeClock) -> None:
        first = await put(queue, content=b"x" * size, once="q1/list@a.test")
        assert first
        assert await put(queue, content=b"x" * size, once="q1/list@a.test") == ""
        await queue.finish([entry.entry_id for entry in await queue.entries()])
        assert await put(queue, content=b"x" * size, once="q1/list@a.test") == ""
        assert await queue.entries() == []
        assert await put(queue, content=b"x" * size, once="q2/list@a.test")
        assert len(await queue.entries()) == 1

    stage.run(play)
