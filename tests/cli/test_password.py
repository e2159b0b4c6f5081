"""New passwords."""

import io

import click
import pytest

from postroom.cli.outcome import WrongUse
from postroom.cli.password import read_password


def _stdin(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))


@pytest.mark.parametrize("raw", [b"pass word \n", b"pass word \r\nmore", b"pass word "])
def test_the_first_line_is_the_password(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    _stdin(monkeypatch, raw)
    assert read_password(True) == "pass word "


@pytest.mark.parametrize("raw", [b"", b"\n", b"\xff\xfe\n"])
def test_what_is_no_password(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    _stdin(monkeypatch, raw)
    with pytest.raises(WrongUse):
        read_password(True)


def test_a_short_one_is_remarked_upon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _stdin(monkeypatch, b"short\n")
    assert read_password(True) == "short"
    assert "soon guessed" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, b"ignored\n")
    with pytest.raises(WrongUse, match="--password-stdin"):
        read_password(False)


def test_on_a_terminal_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, b"")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: "typed twice")
    assert read_password(False) == "typed twice"
