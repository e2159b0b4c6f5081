"""First keys, new keys, old keys, on the disk."""

from pathlib import Path

import pytest

from postroom.base import FakeClock
from postroom.mailauth.dkim import key_text
from postroom.signing import KeyFolder, KeyKeeper, NoRotation, SigningSettings, signing_set
from postroom.signing.keys import from_pem
from postroom.signing.types import KeySet

DAY = 86_400.0
SETTINGS = SigningSettings(overlap_seconds=10 * DAY, revoked_seconds=30 * DAY)


class Room:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.folder = KeyFolder(path)
        self.keeper = KeyKeeper(self.folder, SETTINGS, self.clock)

    def signing(self, domain: str = "a.test") -> KeySet | None:
        return signing_set(self.keeper.sets(domain), self.clock.now())

    @property
    def files(self) -> list[str]:
        return sorted(one.name for one in (self.path / "dkim").glob("*.pem"))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_first_keys_are_made_once_and_sign(room: Room) -> None:
    assert room.keeper.ensure("a.test")
    assert not room.keeper.ensure("a.test")
    one = room.signing()
    assert one is not None
    assert [(key.selector, key.algorithm) for key in one.keys] == [
        ("20231114-rsa", "rsa-sha256"),
        ("20231114-ed25519", "ed25519-sha256"),
    ]
    for key in one.keys:
        assert key_text(from_pem(room.folder.private_key(key.file)).public_key()) == key.record
    assert room.keeper.ensure("b.test")
    assert list(room.keeper.all()) == ["a.test", "b.test"]
    assert len(room.files) == 4


def test_a_whole_rotation(room: Room) -> None:
    room.keeper.ensure("a.test")
    old = room.signing()
    new = room.keeper.rotate("a.test", None)
    assert room.signing() == old
    with pytest.raises(NoRotation):
        room.keeper.rotate("a.test", None)
    room.keeper.begin("a.test", new.name, room.clock.now())
    signing = room.signing()
    assert signing is not None
    assert signing.name == new.name == "20231114b"
    with pytest.raises(NoRotation):
        room.keeper.begin("a.test", new.name, room.clock.now())
    assert room.keeper.retire("a.test").revoked == ()
    assert len(room.files) == 4
    done = room.keeper.retire("a.test", at_once=True)
    assert done.revoked == ("20231114",)
    assert room.files == ["a.test_20231114b-ed25519.pem", "a.test_20231114b-rsa.pem"]
    assert len(room.keeper.sets("a.test")) == 2
    assert room.signing() == signing


def test_a_domain_that_is_gone_leaves_nothing(room: Room) -> None:
    room.keeper.ensure("a.test")
    room.keeper.ensure("b.test")
    assert [one.name for one in room.keeper.forget("a.test")] == ["20231114"]
    assert room.keeper.forget("a.test") == ()
    assert list(room.keeper.all()) == ["b.test"]
    assert [name.partition("_")[0] for name in room.files] == ["b.test", "b.test"]


def test_a_rotation_that_a_name_waits_for(room: Room) -> None:
    with pytest.raises(NoRotation, match="do not wait"):
        room.keeper.begin("a.test", "20231114", 0.0)
