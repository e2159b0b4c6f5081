"""What the store in memory has of its own; the rest is tests/contract/test_store.py."""

import asyncio
from pathlib import Path

from postroom.base import FakeClock, SeededIds
from postroom.message import MessageSettings
from postroom.store import AppendOptions, MemoryStore, StoreSettings


def test_it_touches_no_disk(tmp_path: Path) -> None:
    async def scene() -> None:
        store = MemoryStore(tmp_path / "none", StoreSettings(), MessageSettings(), FakeClock(), SeededIds())
        await store.create_account(1)
        account = await store.open(1)
        with store.draft() as draft:
            draft.write(b"Subject: x\r\n\r\nhi\r\n")
            draft.finish()
            await account.append("INBOX", draft, AppendOptions())
        account.close()
        await store.close()
        assert not (tmp_path / "none").exists()

    asyncio.run(scene())
