"""The records of keys, and the switch once they are seen."""

import asyncio
import logging
from pathlib import Path

import pytest

from postroom.base import FakeClock
from postroom.dns import StaticResolver
from postroom.signing import (
    KeyFolder,
    KeyKeeper,
    KeyWatch,
    Phase,
    SigningSettings,
    key_records,
    missing,
    signing_set,
)

SETTINGS = SigningSettings(settle_seconds=900.0, look_seconds=300.0)


class Room:
    def __init__(self, path: Path) -> None:
        self.clock = FakeClock()
        self.keeper = KeyKeeper(KeyFolder(path), SETTINGS, self.clock)
        self.resolver = StaticResolver()
        self.watch = KeyWatch(self.keeper, self.resolver, self.clock, SETTINGS)
        self.keeper.ensure("a.test")

    def publish(self, *names: str) -> None:
        """The records of all sets, or of some."""
        sets = self.keeper.sets("a.test")
        for one in key_records("a.test", sets, self.clock.now()):
            if not names or one.set_name in names:
                self.resolver.txt_records[one.name] = [one.text]

    @property
    def signs(self) -> str:
        one = signing_set(self.keeper.sets("a.test"), self.clock.now())
        return one.name if one is not None else ""


def test_records_of_all_keys(tmp_path: Path) -> None:
    room = Room(tmp_path)
    new = room.keeper.rotate("a.test", None)
    records = key_records("a.test", room.keeper.sets("a.test"), room.clock.now())
    assert [(one.name, one.phase) for one in records] == [
        (f"{new.name}-rsa._domainkey.a.test", Phase.WAITING),
        (f"{new.name}-ed25519._domainkey.a.test", Phase.WAITING),
        ("20231114-rsa._domainkey.a.test", Phase.SIGNING),
        ("20231114-ed25519._domainkey.a.test", Phase.SIGNING),
    ]
    assert all(one.text.startswith("v=DKIM1; k=") and len(one.text) > 60 for one in records)
    room.keeper.begin("a.test", new.name, room.clock.now())
    room.keeper.retire("a.test", at_once=True)
    records = key_records("a.test", room.keeper.sets("a.test"), room.clock.now())
    assert [one.text.endswith("p=") for one in records] == [False, False, True, True]


def test_new_keys_sign_a_while_after_their_records_are_seen(tmp_path: Path) -> None:
    async def main() -> None:
        room = Room(tmp_path)
        new = room.keeper.rotate("a.test", None)
        assert await room.watch.look() == []
        assert await missing(room.resolver, "a.test", new) == [
            f"{new.name}-rsa._domainkey.a.test",
            f"{new.name}-ed25519._domainkey.a.test",
        ]
        room.publish(new.name)
        ed25519 = room.resolver.txt_records.pop(f"{new.name}-ed25519._domainkey.a.test")
        assert await room.watch.look() == []  # one of the two is not enough
        room.resolver.txt_records[f"{new.name}-ed25519._domainkey.a.test"] = ed25519
        room.resolver.failing.add(f"{new.name}-rsa._domainkey.a.test")
        assert await room.watch.look() == []  # trouble is no answer
        room.resolver.failing.clear()
        assert await room.watch.look() == ["a.test"]
        assert room.signs == "20231114"
        await room.clock.advance(899)
        assert room.signs == "20231114"
        await room.clock.advance(1)
        assert room.signs == new.name
        assert await room.watch.look() == []

    asyncio.run(main())


def test_it_looks_time_after_time_whatever_goes_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        room = Room(tmp_path)
        new = room.keeper.rotate("a.test", None)
        state = tmp_path / "dkim" / "keys.json"
        good = state.read_bytes()
        state.write_bytes(b"{")
        room.watch.start()
        try:
            async with asyncio.timeout(10):
                while "keys.json" not in caplog.text:
                    await asyncio.sleep(0.01)
                state.write_bytes(good)
                room.publish(new.name)
                while room.signs != new.name:
                    await room.clock.advance(100)
                    await asyncio.sleep(0.01)
        finally:
            await room.watch.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert "BEGIN" not in caplog.text
