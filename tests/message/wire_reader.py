"""Reads IMAP's parenthesised data, for tests of what is put on the wire."""

from typing import Any


class _Reader:
    """Reads IMAP's parenthesised data: lists, quoted strings, literals, NIL, numbers (RFC 3501 §4)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def value(self) -> Any:
        data = self.data
        while data[self.at : self.at + 1] == b" ":
            self.at += 1
        first = data[self.at : self.at + 1]
        if first == b"(":
            self.at += 1
            out = []
            while data[self.at : self.at + 1] != b")":
                out.append(self.value())
                while data[self.at : self.at + 1] == b" ":
                    self.at += 1
            self.at += 1
            return out
        if first == b'"':
            return self._quoted()
        if first == b"{":
            end = data.index(b"}\r\n", self.at)
            size = int(data[self.at + 1 : end])
            self.at = end + 3 + size
            return data[end + 3 : self.at]
        end = self.at
        while data[end : end + 1] not in (b" ", b"(", b")", b""):
            end += 1
        atom, self.at = data[self.at : end], end
        assert atom, f"nothing at {end} in {data!r}"
        return None if atom == b"NIL" else int(atom)

    def _quoted(self) -> bytes:
        out = bytearray()
        at = self.at + 1
        while (octet := self.data[at : at + 1]) != b'"':
            assert octet not in (b"", b"\r", b"\n", b"\0")
            assert octet.isascii()
            if octet == b"\\":
                at += 1
                octet = self.data[at : at + 1]
                assert octet in (b"\\", b'"')
            out += octet
            at += 1
        self.at = at + 1
        return bytes(out)


def parse(data: bytes) -> Any:
    reader = _Reader(data)
    value = reader.value()
    assert reader.at == len(data)
    return value
