"""What a source of mail consists of. Owns: the value types between the readers of formats and the import.
Raises: nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class FoundMessage:
    """One message. Whoever goes on to the next one has had its pieces."""

    place: str  # for people: which file, and where in it
    key: str  # where it is in its folder; a part of its delivery id, in the order of the messages if possible
    salt: bytes  # what else tells it from others with the same octets
    position: int  # how far the folder has been read when this message has been: octets or messages, as Folder.extent
    pieces: Iterator[bytes]  # the octets, lines ended with CRLF. Raises OSError
    flags: frozenset[str] = frozenset()
    date: int | None = None  # INTERNALDATE; None: as the header says
    file_date: int | None = None  # when the header says nothing
    left_out: str = ""  # why it is none of the mail (deleted, bookkeeping)
    refused: str = ""  # why it can't be taken


@dataclass(slots=True)
class Folder:
    """One mailbox of a source."""

    name: str  # levels separated by "/"; empty: the source itself
    extent: int  # octets of an mbox file, else messages; 0: not known
    messages: Callable[[], Iterator[FoundMessage]]
