"""Dialogues on the screen as the books show them: S: and C: lines, a short note, the RFC section.

Owns: the layout, and the notes for lines that servers say to each other. Never: talks to a server. Raises: nothing.
"""

import re
from collections.abc import Callable

_NOTE_COLUMN = 62
_LONGEST_LINE = 110

# What the lines of a relay dialogue mean, for a reader who sees SMTP for the first time.
RELAY_NOTES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), note)
    for pattern, note in (
        (r"S: 220 .*ESMTP", "the receiving server's greeting (RFC 5321 §3.1)"),
        (r"C: EHLO ", "the sending server names itself, asks for extensions (RFC 5321 §4.1.1.1)"),
        (r"C: STARTTLS", "opportunistic TLS: used because it is offered (RFC 3207)"),
        (r"S: 220 2\.0\.0", "what follows is encrypted; EHLO starts again (RFC 3207 §4.2)"),
        (r"S: 550 5\.1\.1", "permanent: nobody has this address (RFC 5321 §4.2.3)"),
        (r"S: 452 4\.2\.2", "for now: keep it and try again (RFC 5321 §4.5.4.1)"),
        (r"S: 554 5\.5\.1", "no recipient was accepted, so there is nothing to send (RFC 5321 §3.3)"),
        (r"C: MAIL FROM", "the envelope sender: bounces go there (RFC 5321 §4.1.1.2)"),
        (r"C: RCPT TO", "the envelope recipient (RFC 5321 §4.1.1.3)"),
        (r"C: DATA", "pipelined: sent without waiting for the replies (RFC 2920)"),
        (r"S: 354", "the message may come, up to a line with a single dot (RFC 5321 §4.1.1.4)"),
        (r"S: 250 2\.[06]\.0 .*queued", "taken responsibility for: it is on disk (RFC 5321 §6.1)"),
        (r"C: QUIT", "goodbye (RFC 5321 §4.1.1.10)"),
    )
)


class Transcript:
    """Prints the dialogue of one connection. `watch` suits SocketConnection.observer."""

    def __init__(self, write: Callable[[str], None], *, notes: tuple[tuple[re.Pattern[str], str], ...] = ()) -> None:
        self._write = write
        self._notes = notes
        self._rest = {True: b"", False: b""}
        self._next_note = ""
        self._held: list[tuple[str, str]] | None = None
        self.lines: list[str] = []

    def watch(self, sent: bool, data: bytes) -> None:
        """Octets passed on a client's connection; complete lines are shown."""
        *lines, self._rest[sent] = (self._rest[sent] + data).split(b"\r\n")
        for line in lines:
            self.line("C" if sent else "S", line.decode("utf-8", "replace"))

    def note(self, text: str) -> None:
        """Put `text` beside the next line."""
        self._next_note = text

    def hold(self) -> None:
        """Show nothing for now: another dialogue is on the screen. Lines are kept until `release`."""
        self._held = []

    def release(self, note: str) -> None:
        """Show what was kept, with `note` beside the first line."""
        held, self._held = self._held or [], None
        for side, text in held:
            self._next_note, note = note, ""
            self.line(side, text)

    def line(self, side: str, text: str) -> None:
        """One line said by C or S."""
        if self._held is not None:
            self._held.append((side, text))
            return
        shown = f"{side}: {text}"
        self.lines.append(shown)
        note, self._next_note = self._next_note, ""
        if not note:
            note = next((words for pattern, words in self._notes if pattern.match(shown)), "")
        if len(shown) > _LONGEST_LINE:
            shown = shown[: _LONGEST_LINE - 1] + "…"
        if note and len(shown) <= _NOTE_COLUMN:
            self._write(f"    {shown:<{_NOTE_COLUMN}}  ← {note}")
        elif note:
            self._write(f"    {'':<{_NOTE_COLUMN}}  ↓ {note}")
            self._write(f"    {shown}")
        else:
            self._write(f"    {shown}")
