"""What `postroom check` says of DKIM keys."""

from pathlib import Path

from tests.cli.room import Room

from postroom.base import FakeClock
from postroom.cli.dkim_findings import dkim_keys
from postroom.config import Config, load
from postroom.signing import KeyFolder, KeyKeeper, SigningSettings

DAY = 86_400.0


def found(config: Config, now: float, *domains: str) -> list[tuple[str, str]]:
    return [(one.verdict.name.lower(), one.text) for one in dkim_keys(config, domains or ("a.test",), now)]


def keeper(folder: Path, clock: FakeClock) -> tuple[Config, KeyKeeper]:
    config = Config(hostname="mail.a.test", data=folder)
    return config, KeyKeeper(KeyFolder(folder), SigningSettings(), clock)


def test_keys_of_every_domain(room: Room) -> None:
    shown = room.run("check").stdout
    assert "sign for example.org" in shown
    assert load(room.config).signing.sign


def test_each_thing_that_can_be_wrong(tmp_path: Path) -> None:
    clock = FakeClock()
    now = clock.now()
    config, keys = keeper(tmp_path, clock)
    assert [level for level, _ in found(config, now)] == ["note"]
    keys.ensure("a.test")
    ((level, text),) = found(config, now)
    assert (level, text) == ("good", "the keys 20231114 sign for a.test")
    new = keys.rotate("a.test", None)
    assert "wait until their records" in found(config, now)[1][1]
    keys.begin("a.test", new.name, now)
    (tmp_path / "dkim" / f"a.test_{new.name}-rsa.pem").chmod(0o644)
    assert found(config, now)[0][0] == "bad"
    (tmp_path / "dkim" / f"a.test_{new.name}-rsa.pem").unlink()
    assert found(config, now + 1)[0] == ("bad", f"a.test: 1 of the DKIM keys {new.name} can't be used")
    assert "is over" in found(config, now + 11 * DAY)[-1][1]
    assert found(config, now + 9 * DAY)[-1][1].endswith("can't be used")
    (tmp_path / "dkim" / "keys.json").write_text("{")
    assert "can't be read" in found(config, now)[0][1]
