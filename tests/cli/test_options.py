"""Where the settings file is looked for, and how errors end a command."""

from pathlib import Path

import click
import pytest

from postroom.accounts import AccountError, AlreadyThere, BadAddress, DirectoryFailure, NotThere
from postroom.cli import options
from postroom.cli.options import Amount, amount, in_directory, read_settings, settings_path
from postroom.cli.outcome import MissingOrPresent, Refusal, WrongUse
from postroom.config import Config


def test_the_settings_file_that_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTROOM_CONFIG", raising=False)
    monkeypatch.setattr(options, "SYSTEM_FILE", tmp_path / "etc" / "postroom.toml")
    with pytest.raises(MissingOrPresent, match="postroom init"):
        settings_path(None)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "postroom.toml").touch()
    assert settings_path(None) == tmp_path / "etc" / "postroom.toml"
    (tmp_path / "postroom.toml").touch()
    assert settings_path(None) == Path("postroom.toml")
    monkeypatch.setenv("POSTROOM_CONFIG", "/named.toml")
    assert settings_path(None) == Path("/named.toml")
    assert settings_path(Path("given.toml")) == Path("given.toml")


def test_settings_that_can_not_be_used(tmp_path: Path) -> None:
    with pytest.raises(MissingOrPresent):
        read_settings(tmp_path / "nowhere.toml")
    (tmp_path / "x.toml").write_text('hostname = "a"\n[smtp]\nmax_errors = 0\n')
    with pytest.raises(Refusal, match=r"x.toml:3: smtp.max_errors"):
        read_settings(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AlreadyThere(text="words"), MissingOrPresent),
        (NotThere(text="words"), MissingOrPresent),
        (BadAddress(text="words"), WrongUse),
        (DirectoryFailure("detail", text="words"), Refusal),
        (AccountError(text="words"), Refusal),
    ],
)
def test_refusals_of_the_directory_become_exit_codes(tmp_path: Path, error: AccountError, kind: type[Refusal]) -> None:
    async def work(directory: object) -> None:
        raise error

    with pytest.raises(Refusal, match="words") as caught:
        in_directory(Config(hostname="x.org", data=tmp_path), work)
    assert type(caught.value) is kind


def test_a_data_folder_that_can_not_be_opened(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    async def work(directory: object) -> None:
        raise AssertionError

    with pytest.raises(Refusal, match="can't be opened"):
        in_directory(Config(hostname="x.org", data=tmp_path / "data"), work)


def test_amounts() -> None:
    context, parameter = click.Context(click.Command("x")), click.Argument(["size"])
    assert amount(context, parameter, None) is None
    assert amount(context, parameter, "None") == Amount(None)
    assert amount(context, parameter, "2GiB") == Amount(2 << 30)
    with pytest.raises(click.BadParameter, match="nor"):
        amount(context, parameter, "big")
