"""Messages for tests of words."""

from postroom.junk import Letter, read_letter
from postroom.message import PartMap, Scanner


def letter_of(octets: bytes, prefix: bytes = b"") -> Letter:
    """What is looked at of a message."""
    scanner = Scanner()
    scanner.feed(octets)
    return read_letter(octets, PartMap.unpack(scanner.finish().parts), prefix)


def mail(body: str, *fields: str, subject: str = "Hello", author: str = "Ann <ann@example.org>") -> bytes:
    """A plain message."""
    head = [f"From: {author}", f"Subject: {subject}", *fields]
    return "\r\n".join([*head, "", body, ""]).encode()
