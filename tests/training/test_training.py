"""The two halves together."""

import asyncio
from pathlib import Path

from tests.training.room import Room
from tests.training.test_judging import TRADE, draft, teach

from postroom.base import SeededIds
from postroom.training import Training, TrainingSettings


def test_new_settings_hold_for_both_and_what_is_learnt_is_judged_by(tmp_path: Path) -> None:
    async def main() -> None:
        room = Room(tmp_path)
        account = await room.open()
        room.learning.settings = TrainingSettings(enabled=False)
        settings = TrainingSettings(min_junk=1, min_ham=1)
        training = Training(tmp_path, room.store, room.clock, SeededIds(), settings)
        training.start()
        training.watch(account)
        trade = " ".join(TRADE)
        assert await training.classify(1, draft(trade), b"") is None
        teach(room.books.book(1), 9)
        await room.add(account, "Junk", trade, origin=object())
        await training.learning.settle()
        judged = await training.classify(1, draft(trade), b"")
        assert judged is not None
        assert judged.junk
        training.settings = TrainingSettings(enabled=False)
        assert training.settings is training.learning.settings
        assert await training.classify(1, draft(trade), b"") is None
        account.close()
        await training.close()
        await room.close()

    asyncio.run(main())
