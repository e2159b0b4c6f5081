"""The public suffix list in a file, which may be another one at the next SIGHUP.

Owns: when the file is read. Never: fetches one. Raises: SuffixFileUnreadable.
"""

from pathlib import Path

from postroom.base import MailError
from postroom.mailauth.dmarc import MAX_LIST_OCTETS, PublicSuffixes


class SuffixFileUnreadable(MailError):
    """authentication.public_suffix_list leads to nothing that can be used."""


class SuffixFile:
    """`take` a path, then ask: a SuffixList."""

    def __init__(self) -> None:
        self._read: tuple[str, int, int] | None = None  # the path, with when the file was written and its octets
        self._suffixes: PublicSuffixes | None = None

    def __call__(self, domain: str) -> str | None:
        return self._suffixes(domain) if self._suffixes is not None else None

    def take(self, path: str) -> None:
        """Use the list of this file, which is read if it is another one than before; "": none.

        Raises SuffixFileUnreadable, and the list stays as it was.
        """
        if not path:
            self._read = self._suffixes = None
            return
        try:
            about = Path(path).stat()
            if self._read == (stamp := (path, about.st_mtime_ns, about.st_size)):
                return
            self._suffixes = read_suffix_file(path)
        except OSError as error:
            raise SuffixFileUnreadable(f"authentication.public_suffix_list: {path}: {error}") from error
        self._read = stamp


def read_suffix_file(path: str) -> PublicSuffixes:
    """Raises SuffixFileUnreadable."""
    try:
        with Path(path).open("rb") as file:
            octets = file.read(MAX_LIST_OCTETS + 1)
        if len(octets) > MAX_LIST_OCTETS:
            raise ValueError(f"it has more than {MAX_LIST_OCTETS} octets")
        return PublicSuffixes(octets.decode("utf-8"))
    except (OSError, ValueError) as error:  # UnicodeDecodeError is one
        raise SuffixFileUnreadable(f"authentication.public_suffix_list: {path}: {error}") from error
