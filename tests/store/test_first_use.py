"""The folder of a person is made when it is first asked for, and only then."""

import asyncio
from pathlib import Path

import pytest

from postroom.base import SeededIds, SystemClock
from postroom.message import MessageSettings
from postroom.store import MadeAtFirstUse, MemoryStore, NoSuchAccount, StoreSettings


def test_an_account_is_made_when_it_is_first_opened(tmp_path: Path) -> None:
    async def main() -> None:
        store = MemoryStore(tmp_path, StoreSettings(), MessageSettings(), SystemClock(), SeededIds())
        with pytest.raises(NoSuchAccount):
            await store.open(7)
        opened: list[int] = []
        account = await MadeAtFirstUse(store, lambda account: opened.append(account.account_id)).open(7)
        assert opened == [7]
        assert (await account.mailbox("INBOX")).messages == 0
        account.close()
        (await store.open(7)).close()
        await store.close()

    asyncio.run(main())
