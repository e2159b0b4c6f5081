"""How a mailbox is looked through for reports. More of it: test_tls_reading, test_dmarc_reading."""

from pathlib import Path

import pytest
from tests.delivery.test_dmarc_reading import Scene, play

from postroom.delivery.dmarc_reading import DmarcReading
from postroom.delivery.report_reading import Received, stored_reports


class Careless(DmarcReading):
    """With a bug."""

    def read(self, message: bytes) -> Received | None:
        name = message.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
        if name == "bug":
            raise ZeroDivisionError
        return Received("B", name, 0.0, 1.0, name.encode())


def reading(scene: Scene) -> Careless:
    room = scene.room
    return Careless(
        database=scene.database,
        store=room.store,
        directory=room.directory,
        clock=room.intake.clock,
        settings=scene.settings,
    )


def test_a_message_that_we_stumble_over_keeps_none_behind_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body(scene: Scene) -> None:
        for name in (b"1", b"bug", b"2"):
            await scene.deliver(b"Subject: " + name + b"\r\n\r\n")
        assert await reading(scene).read_new() == 2
        assert sorted(scene.database.now(lambda db: stored_reports(db, 0.0))) == [b"1", b"2"]

    play(tmp_path, body)
    assert "message 2" in caplog.text


def test_only_so_many_are_looked_through_at_once(tmp_path: Path) -> None:
    async def body(scene: Scene) -> None:
        for name in (b"1", b"2", b"3"):
            await scene.deliver(b"Subject: " + name + b"\r\n\r\n")
        assert await reading(scene).read_new() == 2
        assert await reading(scene).read_new() == 1
        assert await reading(scene).read_new() == 0

    play(tmp_path, body, max_read=2)
