"""Writing an account's mail into files that other programs read.

Owns: the layout of what is written: mbox files in Thunderbird's tree, or a Maildir++. Never: changes the account,
overwrites a file. Raises: OSError, StoreError, apsw.Error.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from postroom.imap import utf7
from postroom.message import first_value
from postroom.message.line_ends import LfStream
from postroom.message.mbox import Quoting, from_line, status_fields
from postroom.store import KeptMailbox, KeptMessage, MailReader, NoSuchContent

from .discovery import DOT
from .message_files import KEYWORD_LETTERS, LETTERS
from .settings import InterchangeSettings

_LATEST = 253_402_300_799  # the last second of the year 9999
_PATH = re.compile(rb"<([^<>\s]*)>")
_ASKED_AT_ONCE = 500
_TRACE_OCTETS = 4096  # of a message, among which the Return-Path is looked for


@dataclass(slots=True)
class ExportReport:
    """What was written."""

    messages: int = 0
    octets: int = 0
    missing: list[tuple[str, str]] = field(default_factory=list)  # place and reason
    mailboxes: dict[str, int] = field(default_factory=dict)
    dropped_keywords: set[str] = field(default_factory=set)  # a Maildir has room for 26 in a folder


class Watcher(Protocol):
    """Who is told how far it is."""

    def begin(self, mailbox: KeptMailbox) -> None: ...

    def reached(self, position: int) -> None: ...


class Exporter:
    """Reads in small steps, so that a running server is not held up by it."""

    def __init__(self, reader: MailReader, settings: InterchangeSettings, watcher: Watcher) -> None:
        self.report = ExportReport()
        self._reader = reader
        self._octets = settings.read_octets
        self._watcher = watcher

    def mbox_file(self, mailbox: KeptMailbox, target: Path) -> None:
        """One mailbox as one file, which must not exist."""
        self._watcher.begin(mailbox)
        with target.open("xb") as file:
            for message, head in self._messages(mailbox):
                file.write(from_line(_sender(head), _moment(message)) + status_fields(frozenset(message.flags)))
                lines, quoting, last = LfStream(), Quoting(), b""
                for piece in self._pieces(message, head):
                    file.write(text := quoting.feed(lines.feed(piece)))
                    last = text[-1:] or last
                file.write(text := quoting.feed(lines.finish()) + quoting.finish())
                file.write(b"\n" if (text[-1:] or last) == b"\n" else b"\n\n")

    def mbox_tree(self, mailboxes: Sequence[KeptMailbox], folder: Path) -> None:
        """Several mailboxes: A as the file A, its child A/B as A.sbd/B."""
        for mailbox in mailboxes:
            *above, own = (_file_name(level) for level in mailbox.name.split("/"))
            place = folder.joinpath(*(f"{level}.sbd" for level in above))
            place.mkdir(parents=True, exist_ok=True)
            self.mbox_file(mailbox, place / own)

    def maildir(self, mailbox: KeptMailbox, folder: Path) -> None:
        """One mailbox as one Maildir."""
        self._watcher.begin(mailbox)
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        keywords: dict[str, str] = {}
        for message, head in self._messages(mailbox):
            letters = self._letters(message.flags, keywords)
            moment = _moment(message)
            name = f"{moment}.M{message.uid:010d}.postroom,S={message.size}:2,{letters}"
            path = folder / "cur" / name
            with path.open("xb") as file:
                lines = LfStream()
                for piece in self._pieces(message, head):
                    file.write(lines.feed(piece))
                file.write(lines.finish())
            os.utime(path, (moment, moment))
        if keywords:
            text = "".join(f"{ord(letter) - ord('a')} {word}\n" for word, letter in keywords.items())
            (folder / "dovecot-keywords").write_text(text, "utf-8")

    def maildir_tree(self, mailboxes: Sequence[KeptMailbox], folder: Path) -> None:
        """Several mailboxes: INBOX in `folder` itself, A/B in .A.B."""
        for mailbox in mailboxes:
            levels = (utf7.encode(level).decode("ascii").replace(".", DOT) for level in mailbox.name.split("/"))
            self.maildir(mailbox, folder if mailbox.name == "INBOX" else folder / f".{'.'.join(levels)}")

    def _messages(self, mailbox: KeptMailbox) -> Iterator[tuple[KeptMessage, bytes]]:
        """Each with its first octets. What is expunged and purged meanwhile is missing."""
        after = done = 0
        while found := self._reader.messages(mailbox.mailbox_id, after, _ASKED_AT_ONCE):
            for message in found:
                try:
                    head = self._reader.read(message.content_id, 0, self._octets)
                except (NoSuchContent, OSError) as error:
                    self.report.missing.append((f"{mailbox.name}, uid {message.uid}", str(error)))
                    continue
                yield message, head
                self.report.messages += 1
                self.report.octets += message.size
                done += 1
            after = found[-1].uid
            self._watcher.reached(done)
        self.report.mailboxes[mailbox.name] = done

    def _pieces(self, message: KeptMessage, head: bytes) -> Iterator[bytes]:
        yield head
        for start in range(len(head), message.size, self._octets):
            yield self._reader.read(message.content_id, start, start + self._octets)

    def _letters(self, flags: Sequence[str], keywords: dict[str, str]) -> str:
        """Those of a Maildir name; `keywords` grows by those that are new."""
        letters = set()
        for flag in flags:
            letter = LETTERS.get(flag) or keywords.get(flag)
            if letter is None and len(keywords) < len(KEYWORD_LETTERS):
                letter = keywords[flag] = KEYWORD_LETTERS[len(keywords)]
            if letter is None:
                self.report.dropped_keywords.add(flag)
            else:
                letters.add(letter)
        return "".join(sorted(letters))


def _sender(head: bytes) -> bytes:
    """Of the Return-Path field, which says who sent it."""
    found = _PATH.search(first_value(head[:_TRACE_OCTETS], b"return-path") or b"")
    return found[1] if found else b""


def _moment(message: KeptMessage) -> int:
    return min(max(message.internal_date, 0), _LATEST)


def _file_name(level: str) -> str:
    """A hidden file would be passed over by who reads the tree."""
    return f"_{level[1:]}" if level.startswith(".") else level
