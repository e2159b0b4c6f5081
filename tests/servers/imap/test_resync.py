"""QRESYNC: what a client missed while it was away, and nothing else."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.servers.imap.resync import window
from postroom.servers.imap.rows import Rows
from postroom.servers.imap.selected import SelectedMailbox
from postroom.store import StoreSettings

from .room import STORES, Client, Room, both_stores, open_room, run

FETCHED = re.compile(rb"\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\) MODSEQ \((\d+)\)\)\Z")


def test_a_window_of_spans() -> None:
    spans = [(0, 3), (10, 14)]
    assert window(spans, 1, 2) == [(0, 2)]
    assert window(spans, 3, 5) == [(2, 3), (10, 12)]
    assert window(spans, -1, -2) == [(12, 14)]
    assert window(spans, -4, -7) == [(0, 3), (10, 11)]
    assert window(spans, -6, -100) == [(0, 2)]
    assert window(spans, 8, 9) == []
    assert window(spans, -8, -9) == []


@given(
    st.lists(st.integers(0, 40), unique=True).map(sorted),
    st.integers(1, 50),
    st.integers(0, 20),
    st.booleans(),
)
def test_a_window_is_a_slice(positions: list[int], low: int, more: int, from_the_end: bool) -> None:
    high = low + more
    spans = [(at, at + 1) for at in positions]
    found = [at for start, stop in window(spans, -low, -high) for at in range(start, stop)]
    expected = list(reversed(list(reversed(positions))[low - 1 : high]))
    if not from_the_end:
        found = [at for start, stop in window(spans, low, high) for at in range(start, stop)]
        expected = positions[low - 1 : high]
    assert found == expected


class Cache:
    """What a disconnected client remembers."""

    def __init__(self) -> None:
        self.validity = 0
        self.modseq = 0
        self.flags: dict[int, frozenset[bytes]] = {}

    async def catch_up(self, room: Room, *, sample: bool, known: bool) -> Client:
        client = await room.client()
        await client.ok("ENABLE QRESYNC")
        parameter = ""
        if self.modseq:
            parameter = f" (QRESYNC ({self.validity} {self.modseq}"
            uids = sorted(self.flags)
            if known or sample:
                parameter += f" 1:{max(uids, default=1)}"
            if sample and uids:
                numbers = range(1, len(uids) + 1)
                some = [*zip(numbers, uids, strict=True)][:: max(len(uids) // 3, 1)]
                parameter += f" ({','.join(str(n) for n, _ in some)} {','.join(str(u) for _, u in some)})"
            parameter += "))"
        said = await client.ok(f"SELECT INBOX{parameter}")
        for line in said:
            self.hear(line)
        exists = next(int(line.split()[1]) for line in said if line.endswith(b" EXISTS"))
        last = max(self.flags, default=0)
        for line in await client.ok(f"UID FETCH {last + 1}:* (FLAGS MODSEQ)") if exists else []:
            self.hear(line)
        return client

    def hear(self, line: bytes) -> None:
        if found := re.match(rb"\* OK \[HIGHESTMODSEQ (\d+)\]", line):
            self.modseq = int(found[1])
        elif found := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line):
            self.validity = int(found[1])
        elif found := re.match(rb"\* VANISHED (?:\(EARLIER\) )?(.*)", line):
            for part in found[1].split(b","):
                low, _, high = part.partition(b":")
                for uid in range(int(low), int(high or low) + 1):
                    self.flags.pop(uid, None)
        elif found := FETCHED.match(line):
            self.flags[int(found[2])] = frozenset(found[3].split()) - {b"\\Recent"}


async def truth(room: Room) -> dict[int, frozenset[bytes]]:
    cache = Cache()
    client = await cache.catch_up(room, sample=False, known=False)
    await client.close()
    return cache.flags


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 4), st.just("")),
        st.tuples(st.just("flag"), st.integers(1, 30), st.sampled_from(["\\Seen", "\\Flagged", "$a"])),
        st.tuples(st.just("unflag"), st.integers(1, 30), st.sampled_from(["\\Seen", "\\Flagged", "$a"])),
        st.tuples(st.just("remove"), st.integers(1, 30), st.just("")),
        st.tuples(st.just("move"), st.integers(1, 30), st.just("")),
        st.tuples(st.just("back"), st.integers(0, 3), st.just("")),
    ),
    min_size=5,
    max_size=30,
)


@pytest.mark.parametrize(
    ("kind", "examples", "undo_days"), [(STORES[0], 40, 14), (STORES[1], 10, 14), (STORES[1], 8, 0)]
)
def test_the_difference_is_exact(kind: str, examples: int, undo_days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """undo_days 0: tombstones are purged at once, so that the history never reaches back."""
    monkeypatch.setattr(
        "tests.servers.imap.room.StoreSettings", lambda **more: StoreSettings(undo_days=undo_days, **more)
    )

    async def play(room: Room, script: list[tuple[str, int, str]]) -> None:
        for _ in range(8):
            await room.deliver()
        cache = Cache()
        other = await room.client("INBOX")
        for what, number, flag in script:
            if what == "append":
                for _ in range(number):
                    await room.deliver()
            elif what == "flag":
                await other.ok(f"UID STORE {number}:{number + 2} +FLAGS ({flag})")
            elif what == "unflag":
                await other.ok(f"UID STORE {number}:{number + 5} -FLAGS ({flag})")
            elif what == "remove":
                await other.ok(f"UID STORE {number} +FLAGS (\\Deleted)")
                await other.ok("EXPUNGE")
            elif what == "move":
                await other.ok(f"UID MOVE {number} Archive")
            else:
                client = await cache.catch_up(room, sample=number == 1, known=number == 2)
                assert cache.flags == await truth(room)
                await client.close()
        client = await cache.catch_up(room, sample=True, known=False)
        assert cache.flags == await truth(room)
        await client.close()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(steps)
    def check(script: list[tuple[str, int, str]]) -> None:
        async def whole() -> None:
            with tempfile.TemporaryDirectory() as folder:
                async with open_room(Path(folder), kind) as room:
                    await play(room, script)

        run(whole())

    check()


@both_stores
def test_samples_that_match_keep_what_is_below_them_unsaid(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §3.2.5.2"""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(9):
                await room.deliver()
            client = await room.client()
            await client.ok("ENABLE QRESYNC")
            await client.ok("SELECT INBOX")
            await client.ok("UID STORE 2,5,8 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            validity = next(
                line.split()[3].rstrip(b"]").decode() for line in await client.ok("SELECT INBOX") if b"UIDVAL" in line
            )
            said = await client.ok(f"SELECT INBOX (QRESYNC ({validity} 1 1:9))")
            assert b"* VANISHED (EARLIER) 2,5,8" in said
            # our fourth message is UID 6; the client's sixth was UID 7, ours is UID 9
            said = await client.ok(f"SELECT INBOX (QRESYNC ({validity} 1 1:9 (4,6 6,7)))")
            assert b"* VANISHED (EARLIER) 8" in said

    run(play())


@both_stores
def test_a_store_by_number_holds_back_what_an_unsaid_expunge_would_make_untrue(tmp_path: Path, kind: str) -> None:
    """RFC 7162 §6: who took the MODSEQ of their own change for all there was would miss the expunge before it."""

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(4):
                await room.deliver()
            client = await room.client()
            await client.ok("ENABLE QRESYNC")
            await client.ok("SELECT INBOX")
            other = await room.client("INBOX")
            await other.ok("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            said = await client.ok("STORE 1 +FLAGS (\\Seen)")
            assert any(line.startswith(b"* 1 FETCH (UID 1 FLAGS (\\Seen") and b"MODSEQ (8)" in line for line in said)
            assert b"* OK [HIGHESTMODSEQ 6] Expunges are yet to be told" in said
            said = await client.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")  # every MODSEQ would be believed
            assert said == [b"* 1 FETCH (UID 1 MODSEQ (9))", b"* OK [HIGHESTMODSEQ 6] Expunges are yet to be told"]
            said = await client.ok("NOOP")
            assert said == [b"* VANISHED 2", b"* OK [HIGHESTMODSEQ 9] All told"]

    run(play())


def test_what_has_yet_to_be_announced_has_not_vanished(tmp_path: Path) -> None:
    """With a history that does not reach back, all UIDs that are not there vanish: not those of new messages."""

    async def play() -> None:
        settings = {"undo_days": 0, "purge_interval_seconds": 0}
        async with open_room(tmp_path, "sqlite", store_settings=settings) as room:
            for _ in range(4):
                await room.deliver()
            client, other = await room.client(), await room.client("INBOX")
            await client.ok("ENABLE QRESYNC")
            await client.ok("SELECT INBOX")
            await other.ok("UID STORE 2 +FLAGS (\\Deleted)")
            await other.ok("EXPUNGE")
            account = await room.store.open(1)
            while await account.expunged_since(1, 1) is not None:
                await room.deliver()
            account.close()
            await client.ok("NOOP")
            uid = await room.deliver()
            said = await client.ok("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)")
            assert said[0] == b"* VANISHED (EARLIER) 2"
            assert said[-2].startswith(b"* %d EXISTS" % (uid - 1))

    run(play())


@both_stores
def test_a_client_that_missed_little_costs_little(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last changes touched is remembered: the other messages are not looked at, however many there are."""
    looked_at: list[int] = []
    rows = SelectedMailbox.rows

    def counting(selected: SelectedMailbox, positions: Sequence[int]) -> Rows:
        looked_at.append(len(positions))
        return rows(selected, positions)

    def everything(selected: SelectedMailbox) -> Rows:
        raise AssertionError("all messages were looked at")

    async def play() -> None:
        async with open_room(tmp_path, kind) as room:
            for _ in range(64):
                await room.deliver()
            client, other = await room.client(), await room.client("INBOX")
            await client.ok("ENABLE QRESYNC")
            opened = await client.ok("SELECT INBOX")
            validity, modseq = (
                next(line.split()[3].rstrip(b"]").decode() for line in opened if name in line)
                for name in (b"UIDVALIDITY", b"HIGHESTMODSEQ")
            )
            await client.ok("UNSELECT")
            await other.ok("UID STORE 7,20 +FLAGS.SILENT (\\Flagged)")
            await other.ok("UID STORE 9 +FLAGS.SILENT (\\Deleted)")
            await other.ok("UID EXPUNGE 9")
            await room.deliver()
            monkeypatch.setattr(SelectedMailbox, "everything", everything)
            monkeypatch.setattr(SelectedMailbox, "rows", counting)
            said = await client.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:64))")
            assert b"* VANISHED (EARLIER) 9" in said
            changed = [line.split()[4] for line in said if b" FETCH " in line]
            assert changed == [b"7", b"20"]
            said = await client.ok(f"UID FETCH 10:* FLAGS (CHANGEDSINCE {modseq})")
            assert [line.split()[4] for line in said] == [b"20", b"65"]
            assert max(looked_at) <= 3
            monkeypatch.setattr(SelectedMailbox, "everything", lambda selected: rows(selected, range(selected.count)))
            said = await client.ok("UID FETCH 1:* FLAGS (CHANGEDSINCE 1)")  # before the view was there
            assert len(said) == 64

    run(play())
