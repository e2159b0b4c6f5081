import pytest

from postroom.cli.progress import Bar


def test_without_a_terminal_only_lines_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(show=False) as bar:
        bar.begin("INBOX", 10)
        bar.reach(5, "half")
        bar.say("not \x1b[1mimported")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "not \\x1b[1mimported\n")


def test_a_bar_is_drawn_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar(show=True) as bar:
        bar.begin("INBOX", 10)
        bar.reach(5, "half [of it]")
        bar.begin("Sent", 0)
        bar.reach(3, "more")
        bar.say("a line [b]")
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("INBOX", "half [of it]", "50%", "Sent", "a line [b]"):
        assert text in err
