"""HTTP/1.1 messages (RFC 9112), as little of it as fetching a policy, posting a report and serving one file need.

Owns: reading a request or a response in pieces, writing one. Never: connects, follows, caches. Raises: BadHttp for what
is not HTTP or more than the limits allow.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_MAX_HEAD_OCTETS = 16_384
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_REQUEST = re.compile(rb"(" + _TOKEN + rb") ([!-~]+) HTTP/1\.[01]")
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\r\n\x00]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?")
_LENGTH = re.compile(r"[0-9]{1,15}")


class BadHttp(Exception):
    """The peer does not speak HTTP as it should, or says too much."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request (`method`, `target`) or a response (`status`)."""

    status: int = 0
    method: str = ""
    target: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)  # names in lower case; of several the values joined
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """In lower case, without parameters."""
        return self.fields.get("content-type", "").partition(";")[0].strip().lower()


class MessageReader:
    """`feed` what arrives until it gives the message; `end` when the peer has closed."""

    def __init__(self, *, max_body_octets: int, request: bool = False) -> None:
        self._limit = max_body_octets
        self._request = request
        self._rest = b""
        self._head: Message | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._left: int | None = None  # octets of the body, or of its chunk; None: up to the end of the connection
        self._chunked = False
        self._after_chunk = False  # its CRLF follows
        self._in_trailer = False

    def feed(self, data: bytes) -> Message | None:
        """The message, once it is whole. What follows it is passed over."""
        self._rest += data
        if self._head is None:
            if not self._read_head():
                return None
            assert self._head is not None
        if self._chunked:
            return self._read_chunks()
        if self._left is None:
            self._take(len(self._rest))
            return None
        taken = min(self._left, len(self._rest))
        self._left -= taken
        self._take(taken)
        return None if self._left else self._whole()

    def end(self) -> Message:
        """Nothing more comes. Raises BadHttp unless that is how the message ends (RFC 9112 §6.3)."""
        if self._head is None or self._chunked or self._left is not None:
            raise BadHttp("the connection ended before the message did")
        return self._whole()

    def _whole(self) -> Message:
        head = self._head
        assert head is not None
        return Message(head.status, head.method, head.target, head.fields, b"".join(self._body))

    def _take(self, count: int) -> None:
        piece, self._rest = self._rest[:count], self._rest[count:]
        self._size += len(piece)
        if self._size > self._limit:
            raise BadHttp(f"more than {self._limit} octets")
        self._body.append(piece)

    def _read_head(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            if len(self._rest) > _MAX_HEAD_OCTETS:
                raise BadHttp(f"a head of more than {_MAX_HEAD_OCTETS} octets")
            return False
        if end > _MAX_HEAD_OCTETS:
            raise BadHttp(f"a head of more than {_MAX_HEAD_OCTETS} octets")
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        first, *lines = head.split(b"\r\n")
        fields = _fields(lines)
        if self._request:
            if (match := _REQUEST.fullmatch(first)) is None:
                raise BadHttp("not a request")
            self._head = Message(method=match[1].decode("ascii"), target=match[2].decode("ascii"), fields=fields)
        else:
            if (match := _STATUS.fullmatch(first)) is None:
                raise BadHttp("not a response")
            status = int(match[1])
            if status < 200:  # RFC 9110 §15.2: an interim response; the real one follows
                return self._read_head()
            self._head = Message(status=status, fields=fields)
        self._frame(self._head)
        return True

    def _frame(self, head: Message) -> None:
        """How long the body is (RFC 9112 §6.3)."""
        coding, length = head.fields.get("transfer-encoding"), head.fields.get("content-length")
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise BadHttp(f"transfer coding {coding[:40]!r}")
            self._chunked, self._left = True, 0
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise BadHttp(f"length {length[:40]!r}")
            self._left = int(length)
            if self._left > self._limit:
                raise BadHttp(f"more than {self._limit} octets")
        elif self._request or head.status in (204, 304):
            self._left = 0

    def _read_chunks(self) -> Message | None:
        """RFC 9112 §7.1."""
        while True:
            if self._left:
                taken = min(self._left, len(self._rest))
                self._left -= taken
                self._take(taken)
                if self._left:
                    return None
                self._after_chunk = True
            line, found, rest = self._rest.partition(b"\r\n")
            if not found:
                if len(self._rest) > _MAX_HEAD_OCTETS:
                    raise BadHttp("an endless line")
                return None
            self._rest = rest
            if self._after_chunk:
                if line:
                    raise BadHttp("a chunk longer than it said")
                self._after_chunk = False
            elif self._in_trailer:
                if not line:
                    return self._whole()
            elif (match := _CHUNK.fullmatch(line)) is None:
                raise BadHttp("not a chunk")
            else:
                self._left = int(match[1], 16)
                self._in_trailer = not self._left


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        if (match := _FIELD.fullmatch(line)) is None:
            raise BadHttp("not a header field")
        name, value = match[1].decode("ascii").lower(), match[2].decode("latin-1")
        if name in fields and name == "content-length" and fields[name] != value:
            raise BadHttp("two lengths")
        fields[name] = value if name not in fields or name == "content-length" else f"{fields[name]}, {value}"
    return fields


def request(method: str, host: str, target: str, fields: Mapping[str, str], body: bytes = b"") -> bytes:
    """The octets of a request after which the connection is closed."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + body


def response(status: int, reason: str, fields: Mapping[str, str], body: bytes = b"", *, head: bool = False) -> bytes:
    """The octets of a response after which the connection is closed; for HEAD without the body (RFC 9110 §9.3.2)."""
    lines = [f"HTTP/1.1 {status} {reason}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + (b"" if head else body)
