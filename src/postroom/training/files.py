"""Learning from mail in files.

Owns: what of a file's message is read, by what it is remembered. Never: finds files (interchange does, its callers join
the two). Raises: TrainingFailure.
"""

import hashlib
from collections.abc import Iterable

from postroom.junk import MAX_OCTETS, read_letter, words_of
from postroom.message import PartMap, Scanner

from .database import WordBook

_ENOUGH = 2 * MAX_OCTETS  # octets that are scanned: what lies behind has no words


def learn_file(book: WordBook, kind: int, pieces: Iterable[bytes], max_messages: int) -> bool:
    """Learn one message, its lines ended with CRLF, as of this kind. False: it was known as that already.

    It is remembered by a hash of its beginning, so the same file teaches once.
    """
    octets = bytearray()
    for piece in pieces:
        if len(octets) < _ENOUGH:
            octets += piece
    content = bytes(octets[:_ENOUGH])
    scanner = Scanner()
    scanner.feed(content)
    letter = read_letter(content, PartMap.unpack(scanner.finish().parts))
    name = f"file {hashlib.blake2b(content, digest_size=16).hexdigest()}"
    return book.learn(name, kind, "file", words_of(letter), max_messages)
