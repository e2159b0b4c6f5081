"""Messages that have a file each: Maildir and .eml.

Owns: their names, what Maildir puts into them, reading them. Never: changes a file. Raises: OSError.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from postroom.message.line_ends import CrlfStream

from .names_on_disk import SortedNames
from .types import FoundMessage

_INFO = re.compile(r"[:;!]2,([A-Za-z]*)$")  # ":" can't be in a file's name everywhere
LETTERS = {"\\Draft": "D", "\\Flagged": "F", "$Forwarded": "P", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
KEYWORD_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FLAGS = {letter: flag for flag, letter in LETTERS.items()}
_DIGITS = re.compile(r"\d{1,12}")


def maildir_count(folder: Path) -> int:
    """How many messages there are."""
    return sum(1 for _ in _maildir_entries(folder))


def _maildir_entries(folder: Path) -> Iterator[tuple[int, str, str]]:
    for part in ("cur", "new"):
        with contextlib.suppress(FileNotFoundError), os.scandir(folder / part) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_file():
                    yield _time(entry.name), part, entry.name


def _time(name: str) -> int:
    """The seconds that a Maildir name begins with; its messages sort by them."""
    found = _DIGITS.match(name)
    return int(found[0]) if found else 0


def maildir_messages(folder: Path, read_octets: int) -> Iterator[FoundMessage]:
    """The messages of one Maildir folder, in the order in which they were delivered."""
    keywords = maildir_keywords(folder)
    for position, (part, name) in enumerate(_sorted(_maildir_entries(folder)), 1):
        flags, unique = frozenset[str](), name
        if info := _INFO.search(name):
            unique = name[: info.start()]
            flags = _flags(info[1], keywords) if part == "cur" else flags
        found = _message(folder / part / name, read_octets, position)
        found.key = f"{_time(name):012d}"
        found.salt = os.fsencode(unique)
        found.flags, found.date = flags, found.file_date
        yield found


def maildir_keywords(folder: Path) -> dict[str, str]:
    """The keywords that Dovecot keeps in a file beside the messages, by the letter that stands for each."""
    try:
        text = (folder / "dovecot-keywords").read_text("utf-8", "replace")
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        number, _, keyword = line.partition(" ")
        if number.isascii() and number.isdigit() and int(number) < len(KEYWORD_LETTERS) and keyword:
            found[KEYWORD_LETTERS[int(number)]] = keyword
    return found


def _flags(letters: str, keywords: dict[str, str]) -> frozenset[str]:
    known = (_FLAGS.get(letter) or keywords.get(letter) for letter in letters)
    return frozenset(flag for flag in known if flag)


def eml_count(folder: Path) -> int:
    """How many messages there are."""
    return sum(1 for _ in _eml_entries(folder))


def _eml_entries(folder: Path) -> Iterator[tuple[int, str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_eml(entry.name) and entry.is_file():
                yield 0, "", entry.name


def is_eml(name: str) -> bool:
    return name.lower().endswith(".eml")


def eml_messages(folder: Path, read_octets: int) -> Iterator[FoundMessage]:
    """The .eml files of one folder, in the order of their names."""
    for position, (_, name) in enumerate(_sorted(_eml_entries(folder)), 1):
        yield eml_message(folder / name, read_octets, position)


def eml_message(path: Path, read_octets: int, position: int = 1) -> FoundMessage:
    """One such file. Its date is what the header says; that of the file is only when it was saved."""
    found = _message(path, read_octets, position)
    found.salt = os.fsencode(path.name)
    return found


def _sorted(entries: Iterable[tuple[int, str, str]]) -> Iterator[tuple[str, str]]:
    names = SortedNames()
    try:
        names.add(entries)
        yield from names
    finally:
        names.close()


def _message(path: Path, read_octets: int, position: int) -> FoundMessage:
    try:
        date, refused = int(path.stat().st_mtime), ""
    except OSError as error:  # gone since the folder was listed, perhaps: under another name when a flag was changed
        date, refused = 0, f"the file can't be read: {error.strerror}"
    return FoundMessage(
        place=str(path),
        key="",
        salt=b"",
        position=position,
        pieces=_octets(path, read_octets),
        file_date=date,
        refused=refused,
    )


def _octets(path: Path, read_octets: int) -> Iterator[bytes]:
    lines = CrlfStream()
    with path.open("rb", buffering=0) as file:
        while data := file.read(read_octets):
            yield lines.feed(data)
