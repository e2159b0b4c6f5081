"""`postroom config`."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cli.room import Room

from postroom.cli import main, options


def test_a_setting_is_explained_with_its_value(room: Room) -> None:
    text = room.ok("config", "explain", "accounts.hash_passes")
    assert "value: 1\n" in text
    assert "default: 2\n" in text
    assert "(the default)" in room.ok("config", "explain", "smtp.max_errors")
    assert len(room.json("config", "explain", "log")) == 2
    assert len(room.json("config", "explain")) > 100
    assert "did you mean smtp.max_errors?" in room.fails(3, "config", "explain", "smtp.max_erors")


def test_without_a_settings_file_the_defaults_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTROOM_CONFIG", raising=False)
    monkeypatch.setattr(options, "SYSTEM_FILE", tmp_path / "none.toml")
    result = CliRunner().invoke(main, ["config", "explain", "hostname"])
    assert result.exit_code == 0
    assert "value: not set" in result.stdout
    assert "these are the defaults" in result.stderr


def test_the_default_file() -> None:
    result = CliRunner().invoke(main, ["config", "default"])
    assert result.exit_code == 0
    assert "smtp" in tomllib.loads(result.stdout)
