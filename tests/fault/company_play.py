"""One of two workers on one account, for the crash test: `python company_play.py DIRECTORY NUMBER RUN STATE NTH`.

It tells each thing the store has acknowledged on standard output, one JSON list a line, and is killed where the probe
reports STATE for the NTH time.
"""

import asyncio
import sys
from pathlib import Path

from tests.fault.store_play import ACCOUNT, DAY, SEEN, SETTINGS, START, die_at, put, told

from postroom.base import Board, FakeClock, Pokes, SystemIds, WorkerPlace
from postroom.message import MessageSettings
from postroom.store import STORE_ROWS, Change, FlagAction, MessagesAdded, MessagesExpunged, Probe, SqliteStore

COUNT = 2
ROUNDS = 8


async def play(directory: Path, number: int, run: int, probe: Probe) -> None:
    place = WorkerPlace(number, COUNT, START)
    pokes = Pokes(directory, place)
    pokes.start()
    clock = FakeClock(START)
    store = SqliteStore(
        directory,
        SETTINGS,
        MessageSettings(),
        clock,
        SystemIds(),
        place=place,
        board=Board(directory / "board", STORE_ROWS, place),
        pokes=pokes,
        probe=probe,
    )
    account = await store.open(ACCOUNT)
    view = await account.view(1)
    known = list(view.uids)

    def hear(change: Change) -> None:
        if isinstance(change, MessagesAdded):
            known.extend(change.uids)
        elif isinstance(change, MessagesExpunged):
            for lost in change.gone:
                known.remove(lost.uid)

    account.subscribe_changes(hear)
    told("ready")
    sys.stdin.readline()  # both are
    for at in range(ROUNDS):
        first = 1000 * run + 100 * number + 6 * at
        await asyncio.gather(*(put(store, account, message) for message in range(first, first + 6)))
        mine = [uid for uid in view.uids if uid % COUNT == number]
        flagged = await account.set_flags(1, mine[-4:], FlagAction.ADD, SEEN)
        told("seen", flagged.uids)
        told("removing", mine[-6:-4])
        await account.remove(1, mine[-6:-4])
        told("gone", mine[-6:-4])
        told("recent", await account.claim_recent(1))
        await account.subscribe(f"{number}/{at}", True)
        clock._now += 8 * DAY  # what was expunged is to go soon
    await account.catch_up()
    assert known == list(view.uids)
    told("end")
    account.release(view)
    account.close()
    await store.close()
    pokes.close()


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), die_at(sys.argv[4], int(sys.argv[5]))))
