"""What kind of source something is, and its mailboxes.

Owns: telling formats apart, the names of mailboxes in a tree of files. Never: reads messages.
Raises: NotMail, OSError.

A tree is walked in the order of its names; links to folders are not followed. What is no mail is passed over.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from postroom.imap import utf7

from .mbox_files import is_mbox, mbox_messages
from .message_files import eml_count, eml_message, eml_messages, is_eml, maildir_count, maildir_messages
from .settings import InterchangeSettings
from .types import Folder, FoundMessage

FORMATS = ("maildir", "mbox", "eml")  # in the order in which they are looked for: a message may look like an mbox
DOT = "&AC4-"  # a dot within a level of a Maildir name, where a dot itself separates levels
_ENDINGS = (".sbd", ".mbox", ".mbx")  # of files and folders, no part of a mailbox's name


class NotMail(Exception):
    """There is no mail in it that can be read; the text says what was looked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """Mail to import."""

    format: str
    folders: tuple[Folder, ...]
    passed_over: int  # files that are no mail


def find_source(
    path: Path | None, format_: str, settings: InterchangeSettings, stdin: BinaryIO | None = None
) -> Source:
    """The mailboxes of a file or a folder, or of an mbox on `stdin`. `format_`: one of FORMATS, or "auto"."""
    octets = settings.read_octets
    if path is None:
        if stdin is None or format_ not in ("mbox", "auto"):
            raise NotMail("standard input can only be an mbox")
        return Source("mbox", (Folder("", 0, partial(mbox_messages, stdin, "standard input", octets)),), 0)
    if not path.is_dir():
        return _file(path, format_, octets)
    for known in FORMATS if format_ == "auto" else (format_,):
        if known == "maildir":
            source = _maildirs(path, octets)
        elif known == "mbox":
            source = _mboxes(path, octets)
        else:
            source = _emls(path, octets)
        if source.folders:
            return source
    looked = "mbox files, Maildir folders or .eml files" if format_ == "auto" else format_
    raise NotMail(f"there are no {looked} in {path}")


def _file(path: Path, format_: str, octets: int) -> Source:
    if format_ in ("mbox", "auto") and is_mbox(os.fspath(path)):
        return Source("mbox", (_mbox(path, "", octets),), 0)
    if format_ == "eml" or (format_ == "auto" and is_eml(path.name)):
        return Source("eml", (Folder("", 1, partial(_one_eml, path, octets)),), 0)
    if format_ == "maildir":
        raise NotMail(f"a Maildir is a folder, {path} is a file")
    raise NotMail(f'{path} does not begin with "From ": it is no mbox, and its name does not end with .eml')


def _one_eml(path: Path, octets: int) -> Iterator[FoundMessage]:
    yield eml_message(path, octets)


# ---- mbox


def _mbox(path: Path, name: str, octets: int) -> Folder:
    return Folder(name, path.stat().st_size, partial(_mbox_file, path, octets))


def _mbox_file(path: Path, octets: int) -> Iterator[FoundMessage]:
    with path.open("rb", buffering=0) as file:
        yield from mbox_messages(file, str(path), octets)


def _mboxes(root: Path, octets: int) -> Source:
    """Thunderbird's tree (a file X, its children in X.sbd), Apple's (X.mbox/mbox), or simply files in folders."""
    folders: list[Folder] = []
    passed_over = 0
    for folder, files in _walk(root):
        levels = _levels(folder, root)
        for name in files:
            path = folder / name
            if is_eml(name) or not path.is_file() or not is_mbox(os.fspath(path)):
                passed_over += 1
                continue
            own = [] if name == "mbox" and folder.name.endswith(".mbox") else [_without_ending(name)]
            folders.append(_mbox(path, _joined(levels + own), octets))
    return Source("mbox", tuple(folders), passed_over)


def _without_ending(name: str) -> str:
    for ending in _ENDINGS:
        if len(name) > len(ending) and name.endswith(ending):
            return name[: -len(ending)]
    return name


# ---- Maildir


def _maildirs(root: Path, octets: int) -> Source:
    """Maildir++ (.A.B beside cur and new) or folders in folders, each with cur or new."""
    folders: list[Folder] = []
    for folder in [root, *(path for path, _ in _walk(root, within_maildirs=False) if path != root)]:
        if not ((folder / "cur").is_dir() or (folder / "new").is_dir()):
            continue
        levels: list[str] = []
        for part in folder.relative_to(root).parts:
            own = part[1:].split(".") if part.startswith(".") else [part]
            levels += [_unwired(level) for level in own]
        folders.append(Folder(_joined(levels), maildir_count(folder), partial(maildir_messages, folder, octets)))
    return Source("maildir", tuple(folders), 0)


def _unwired(level: str) -> str:
    """A level of a Maildir name is in modified UTF-7; where it is not, it is meant as it stands."""
    try:
        return ".".join(utf7.decode(os.fsencode(part)) for part in level.split(DOT))
    except ValueError:
        return level


# ---- .eml


def _emls(root: Path, octets: int) -> Source:
    folders: list[Folder] = []
    passed_over = 0
    for folder, files in _walk(root):
        count = eml_count(folder)
        passed_over += len(files) - count
        if count:
            name = _joined(_levels(folder, root))
            folders.append(Folder(name, count, partial(eml_messages, folder, octets)))
    return Source("eml", tuple(folders), passed_over)


# ---- trees


def _walk(root: Path, *, within_maildirs: bool = True) -> Iterator[tuple[Path, list[str]]]:
    """Each folder with its files, in order. A folder that can't be listed ends it: better than to leave it out."""
    for path, folders, files in os.walk(root, onerror=_refuse):
        if not within_maildirs:
            folders[:] = [name for name in folders if name not in ("cur", "new", "tmp")]
        folders.sort()
        yield Path(path), sorted(name for name in files if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise error


def _levels(folder: Path, root: Path) -> list[str]:
    return [_without_ending(part) for part in folder.relative_to(root).parts]


def _joined(levels: list[str]) -> str:
    """A mailbox name; a separator within a level, and octets that are no UTF-8, can't be kept."""
    texts = (os.fsencode(level).decode("utf-8", "replace") for level in levels)
    return "/".join(text.replace("/", "_") for text in texts)
