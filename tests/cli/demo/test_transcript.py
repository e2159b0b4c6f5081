"""Dialogues on the screen."""

import re

from postroom.cli.demo.transcript import RELAY_NOTES, Transcript


def test_lines_are_cut_at_crlf_whatever_the_pieces() -> None:
    shown: list[str] = []
    transcript = Transcript(shown.append)
    transcript.watch(False, b"220 hel")
    transcript.watch(True, b"EH")
    transcript.watch(False, b"lo\r\n250")
    transcript.watch(True, b"LO x\r\n")
    assert transcript.lines == ["S: 220 hello", "C: EHLO x"]
    assert [line.strip() for line in shown] == ["S: 220 hello", "C: EHLO x"]


def test_a_note_stands_beside_its_line_only() -> None:
    shown: list[str] = []
    transcript = Transcript(shown.append, notes=((re.compile("S: 2"), "good"),))
    transcript.note("first")
    for text in ("HELO", "QUIT"):
        transcript.line("C", text)
    transcript.line("S", "221 bye")
    transcript.note("long")
    transcript.line("C", "x" * 200)
    assert shown[0].endswith("← first")
    assert "←" not in shown[1]
    assert shown[2].endswith("← good")
    assert shown[3].endswith("↓ long")
    assert shown[4].endswith("…")


def test_held_lines_come_at_release() -> None:
    shown: list[str] = []
    transcript = Transcript(shown.append)
    transcript.hold()
    transcript.watch(False, b"* 1 EXISTS\r\n* 0 RECENT\r\n")
    assert shown == []
    transcript.release("pushed")
    assert [line.split()[1] for line in shown] == ["*", "*"]
    assert "pushed" in shown[0]
    assert "pushed" not in shown[1]


def test_relay_notes_fit_the_replies() -> None:
    shown: list[str] = []
    transcript = Transcript(shown.append, notes=RELAY_NOTES)
    transcript.watch(False, b"220 mx ESMTP x\r\n550 5.1.1 No such user here\r\n250 2.0.0 Ok: queued as x\r\n")
    assert all("←" in line for line in shown)
