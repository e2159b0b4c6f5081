"""What commands print."""

import pytest

from postroom.cli import outcome


def test_columns_are_plain_and_whole_when_not_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    outcome.print_table(("a", "long heading"), [("x" * 200, "1"), ("y", "2")], empty="none")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["a", "long", "heading"]
    assert lines[1] == "x" * 200 + "  1"
    assert lines[2].startswith("y")


def test_nothing_to_show_is_said_apart(capsys: pytest.CaptureFixture[str]) -> None:
    outcome.print_table(("a",), [], empty="There is nothing.")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "There is nothing.\n")


def test_on_a_terminal_it_is_drawn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    outcome.print_table(("address",), [("[red]bob@example.org",)], empty="none")
    assert "[red]bob@example.org" in capsys.readouterr().out  # markup from elsewhere is only text


def test_text_from_elsewhere_can_not_command_the_terminal() -> None:
    assert outcome.tame("\x1b[2Jhi\r\n\x9bü") == "\\x1b[2Jhi\\x0d\\x0a\\x9bü"


def test_exit_codes() -> None:
    assert outcome.Refusal("x").exit_code == 1
    assert outcome.WrongUse("x").exit_code == 2
    assert outcome.MissingOrPresent("x").exit_code == 3
