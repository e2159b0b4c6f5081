"""Who looks at mail from outside, as the settings have it."""

import asyncio
import contextlib
from pathlib import Path

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.app_scrutiny import filters_of, strangers_of
from postroom.base import SeededIds, SystemClock
from postroom.config import Config
from postroom.dns import StaticResolver
from postroom.filters import FilterSettings
from postroom.message import MessageSettings
from postroom.store import MemoryStore, StoreSettings


def test_filters_are_those_of_the_settings_and_strangers_are_remembered_in_a_file(tmp_path: Path) -> None:
    async def main() -> None:
        clock, ids = SystemClock(), SeededIds()
        store = MemoryStore(tmp_path, StoreSettings(), MessageSettings(), clock, ids)
        directory = MemoryDirectory(AccountSettings(), clock, ids)
        settings = {"av": FilterSettings(kind="clamav", address="/run/clamd")}
        config = Config(hostname="mail.test", data=tmp_path, filter=settings)
        async with contextlib.AsyncExitStack() as closing:
            assert filters_of(config, StaticResolver(), store, closing).names == ["av"]
            strangers_of(config, StaticResolver(), directory, clock, closing)
            assert (tmp_path / "reputation.db").exists()
        await directory.close()
        await store.close()

    asyncio.run(main())
