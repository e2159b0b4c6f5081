"""The Basic Encoding Rules as far as LDAP uses them (RFC 4511 §5.1): definite lengths, primitive strings.

Owns: elements of one tag octet, written and read. Never: knows what they mean. Raises: BadBer.
"""

from collections.abc import Iterator

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31
_MAX_LENGTH_OCTETS = 4
_MAX_INTEGER_OCTETS = 4  # RFC 4511 §4.1.1: all integers of LDAP are below 2^31


class BadBer(Exception):
    """What came is not what LDAP allows, or not whole."""


def element(tag: int, content: bytes) -> bytes:
    """One element."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Two's complement, as short as it goes."""
    return element(tag, value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:
    return element(tag, b"\xff" if value else b"\x00")  # RFC 4511 §5.1: TRUE is 0xFF


def header(octets: bytes | memoryview, start: int = 0) -> tuple[int, int, int] | None:
    """Tag of the element at `start`, where its content begins and where it ends; None: its header is not all there.

    Raises BadBer.
    """
    if len(octets) < start + 2:
        return None
    tag, first = octets[start], octets[start + 1]
    if tag & 0x1F == 0x1F:
        raise BadBer("a tag of several octets")
    begin = start + 2
    if first < 0x80:
        return tag, begin, begin + first
    count = first & 0x7F
    if not 0 < count <= _MAX_LENGTH_OCTETS:
        raise BadBer("an indefinite length, or a huge one")
    if len(octets) < begin + count:
        return None
    return tag, begin + count, begin + count + int.from_bytes(octets[begin : begin + count], "big")


class Elements:
    """Reads the elements within a constructed one, one after another."""

    def __init__(self, content: bytes | memoryview) -> None:
        self._content = memoryview(content)
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._content)

    def next(self) -> tuple[int, memoryview]:
        """Tag and content. Raises BadBer when there is none."""
        found = header(self._content, self._at)
        if found is None or found[2] > len(self._content):
            raise BadBer("an element that is not whole")
        tag, begin, self._at = found
        return tag, self._content[begin : self._at]

    def expect(self, tag: int) -> memoryview:
        """The content of the next, which has this tag."""
        found, content = self.next()
        if found != tag:
            raise BadBer(f"tag {found:#x} instead of {tag:#x}")
        return content

    def octets(self) -> bytes:
        return bytes(self.expect(OCTETS))

    def integer(self, tag: int = INTEGER) -> int:
        content = self.expect(tag)
        if not 0 < len(content) <= _MAX_INTEGER_OCTETS:
            raise BadBer("a number that is none")
        return int.from_bytes(content, "big", signed=True)

    def all(self, tag: int) -> Iterator[memoryview]:
        """Those that are left, which all have this tag."""
        while self:
            yield self.expect(tag)
