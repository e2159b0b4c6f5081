"""Messages of LDAP (RFC 4511 §4): the requests of a client that signs people in, and the responses to them.

Owns: their encoding. Never: connects, decides what a result means. Raises: BadBer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import ber
from .ber import BadBer, Elements

START_TLS = b"1.3.6.1.4.1.1466.20037"  # RFC 4511 §4.14.1
DISCONNECTION = b"1.3.6.1.4.1.1466.20036"  # RFC 4511 §4.4.1
_BIND, _BIND_DONE, _UNBIND, _SEARCH, _ENTRY, _SEARCH_DONE = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65
_REFERENCE, _EXTENDED, _EXTENDED_DONE = 0x73, 0x77, 0x78
_SCOPES = {"base": 0, "one": 1, "sub": 2}
_NEVER_DEREFERENCE = 0


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended (RFC 4511 §4.1.9)."""

    message_id: int
    code: int
    diagnostic: str  # in words of the server
    operation: str  # "bind", "search"


@dataclass(frozen=True, slots=True)
class ExtendedDone:
    """How an extended operation ended; of message 0: the server tells something unasked."""

    message_id: int
    code: int
    diagnostic: str
    name: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One that was found."""

    message_id: int
    name: bytes  # its DN
    attributes: Mapping[str, tuple[bytes, ...]] = field(repr=False)  # by name in lower case, without options

    def text(self, attribute: str) -> str | None:
        """The first value, if it is text."""
        for value in self.attributes.get(attribute.lower(), ())[:1]:
            try:
                return value.decode("utf-8")
            except UnicodeDecodeError:
                return None
        return None


@dataclass(frozen=True, slots=True)
class Other:
    """A reference to another server, an intermediate response: passed over."""

    message_id: int


Response = Result | ExtendedDone | Entry | Other


def _message(message_id: int, operation: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.integer(message_id) + operation)


def bind_request(message_id: int, name: bytes, password: bytes) -> bytes:
    """RFC 4511 §4.2, simple authentication."""
    content = ber.integer(3) + ber.element(ber.OCTETS, name) + ber.element(0x80, password)
    return _message(message_id, ber.element(_BIND, content))


def unbind_request(message_id: int) -> bytes:
    """RFC 4511 §4.3."""
    return _message(message_id, ber.element(_UNBIND, b""))


def start_tls_request(message_id: int) -> bytes:
    """RFC 4511 §4.14."""
    return _message(message_id, ber.element(_EXTENDED, ber.element(0x80, START_TLS)))


def search_request(
    message_id: int,
    *,
    base: str,
    scope: str,
    wanted: bytes,
    attributes: Sequence[str],
    max_entries: int,
    seconds: int,
) -> bytes:
    """RFC 4511 §4.5.1; `scope` is "base", "one" or "sub", `wanted` a filter on the wire."""
    content = (
        ber.element(ber.OCTETS, base.encode("utf-8"))
        + ber.integer(_SCOPES[scope], ber.ENUMERATED)
        + ber.integer(_NEVER_DEREFERENCE, ber.ENUMERATED)
        + ber.integer(max_entries)
        + ber.integer(seconds)
        + ber.boolean(False)
        + wanted
        + ber.element(ber.SEQUENCE, b"".join(ber.element(ber.OCTETS, name.encode("ascii")) for name in attributes))
    )
    return _message(message_id, ber.element(_SEARCH, content))


class MessageReader:
    """`feed` what arrives; `next` gives response after response."""

    def __init__(self, max_octets: int) -> None:
        self._limit = max_octets
        self._rest = b""

    @property
    def empty(self) -> bool:
        """Nothing is left that was fed."""
        return not self._rest

    def feed(self, octets: bytes) -> None:
        self._rest += octets

    def next(self) -> Response | None:
        """None: it is not all there. Raises BadBer, also for one of more octets than allowed."""
        found = ber.header(self._rest)
        if found is None:
            return None
        tag, begin, end = found
        if tag != ber.SEQUENCE:
            raise BadBer("no LDAP message")
        if end > self._limit:
            raise BadBer(f"a message of more than {self._limit} octets")
        if len(self._rest) < end:
            return None
        content, self._rest = self._rest[begin:end], self._rest[end:]
        return _response(content)


def _response(content: bytes) -> Response:
    elements = Elements(content)
    message_id = elements.integer()
    tag, operation = elements.next()  # controls may follow: none was asked for
    if tag == _ENTRY:
        return _entry(message_id, Elements(operation))
    if tag in (_BIND_DONE, _SEARCH_DONE):
        code, diagnostic = _result(Elements(operation))
        return Result(message_id, code, diagnostic, "bind" if tag == _BIND_DONE else "search")
    if tag == _EXTENDED_DONE:
        inside = Elements(operation)
        code, diagnostic = _result(inside)
        name = b""
        while inside:
            kind, value = inside.next()
            if kind == 0x8A:
                name = bytes(value)
        return ExtendedDone(message_id, code, diagnostic, name)
    return Other(message_id)


def _result(elements: Elements) -> tuple[int, str]:
    code = elements.integer(ber.ENUMERATED)
    elements.octets()  # matchedDN
    return code, elements.octets().decode("utf-8", "replace")


def _entry(message_id: int, elements: Elements) -> Entry:
    name = elements.octets()
    attributes: dict[str, tuple[bytes, ...]] = {}
    for one in Elements(elements.expect(ber.SEQUENCE)).all(ber.SEQUENCE):
        inside = Elements(one)
        described = inside.octets().decode("utf-8", "replace").partition(";")[0].lower()
        values = tuple(bytes(value) for value in Elements(inside.expect(ber.SET)).all(ber.OCTETS))
        attributes[described] = attributes.get(described, ()) + values
    return Entry(message_id, name, attributes)
