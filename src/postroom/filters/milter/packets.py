"""Packets of the milter protocol: their octets, and the values they stand for.

Owns: framing, the form of each command and reply, their bounds. Never: knows which may come when (dialogue.py). Raises:
BadPacket.

The protocol has no specification but libmilter, whose names (SMFIC, SMFIR, SMFIF, SMFIP) are the ones here.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

VERSION = 6
OLDEST_VERSION = 2
MAX_DATA_OCTETS = 65_535  # of what we send (MILTER_MAX_DATA_SIZE)
MAX_PACKET_OCTETS = 262_144  # of what we take
_MAX_ARGUMENTS = 100
_MAX_SYMBOL_LISTS = 16

# SMFIF: what a milter may do
ADD_HEADERS, CHANGE_BODY, ADD_RECIPIENTS, DELETE_RECIPIENTS = 0x01, 0x02, 0x04, 0x08
CHANGE_HEADERS, QUARANTINE, CHANGE_FROM, ADD_RECIPIENTS_PAR, SET_SYMBOLS = 0x10, 0x20, 0x40, 0x80, 0x100
ALL_ACTIONS = 0x1FF
UNCHANGED_ACTIONS = QUARANTINE | SET_SYMBOLS
# SMFIP: what it does not want to hear, what it does not answer, and how it wants to hear it
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
MUTE_HEADER, NO_UNKNOWN, NO_DATA, SKIPS, REJECTED_RCPT = 0x80, 0x100, 0x200, 0x400, 0x800
MUTE_CONNECT, MUTE_HELO, MUTE_MAIL, MUTE_RCPT, MUTE_DATA = 0x1000, 0x2000, 0x4000, 0x8000, 0x10000
MUTE_UNKNOWN, MUTE_EOH, MUTE_BODY, LEADING_SPACE = 0x20000, 0x40000, 0x80000, 0x100000
ALL_PROTOCOL = 0x1FFFFF
# SMFIC: commands
ABORT, BODY, CONNECT, MACRO, END, HELO, QUIT_NEXT = b"A", b"B", b"C", b"D", b"E", b"H", b"K"
HEADER, MAIL, END_OF_HEADER, NEGOTIATE, QUIT, RCPT, DATA = b"L", b"M", b"N", b"O", b"Q", b"R", b"T"

Final = Literal["continue", "accept", "discard", "reject", "tempfail", "skip", "shutdown", "conn-fail"]
_FINALS: dict[bytes, Final] = {
    b"c": "continue",
    b"a": "accept",
    b"d": "discard",
    b"r": "reject",
    b"t": "tempfail",
    b"s": "skip",
    b"4": "shutdown",
    b"f": "conn-fail",
}
# One line of a reply (RFC 5321 §4.2.1) with the enhanced code that may stand in it (RFC 2034 §4).
_REPLY_LINE = re.compile(rb"([45][0-5]\d)(?:[ -](?:([45]\.\d{1,3}\.\d{1,3})(?: |$))?(.*))?", re.DOTALL)


class BadPacket(Exception):
    """The milter says something that can't be read; the text says what."""


# ---- what it says


@dataclass(frozen=True, slots=True)
class Agreed:
    """SMFIC_OPTNEG from a milter."""

    version: int
    actions: int
    protocol: int
    symbols: dict[int, tuple[str, ...]]  # macros that it wants, by stage (SMFIM)


@dataclass(frozen=True, slots=True)
class Ending:
    """A reply that ends the wait for one; `code` 0: none was given."""

    kind: Final
    code: int = 0
    enhanced: str = ""
    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Progress:
    """It is still at work."""


@dataclass(frozen=True, slots=True)
class HeaderWish:
    """SMFIR_ADDHEADER, INSHEADER, CHGHEADER."""

    do: Literal["add", "insert", "change"]
    name: bytes
    value: bytes
    number: int = 0


@dataclass(frozen=True, slots=True)
class RecipientWish:
    """SMFIR_ADDRCPT, ADDRCPT_PAR, DELRCPT."""

    do: Literal["add", "add with parameters", "delete"]
    address: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class SenderWish:
    """SMFIR_CHGFROM."""

    address: bytes
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class BodyWish:
    """SMFIR_REPLBODY: the next octets of the new body."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class QuarantineWish:
    reason: bytes


Wish = HeaderWish | RecipientWish | SenderWish | BodyWish | QuarantineWish
Reply = Ending | Progress | Wish


# ---- framing


def packet(kind: bytes, data: bytes = b"") -> bytes:
    """Its octets."""
    return (len(data) + 1).to_bytes(4, "big") + kind + data


def next_packet(held: bytes) -> tuple[bytes, bytes, bytes] | None:
    """(kind, data, the octets behind it) of the first whole packet; None: more octets are needed. Raises BadPacket."""
    if len(held) < 4:
        return None
    size = int.from_bytes(held[:4], "big")
    if not 1 <= size <= MAX_PACKET_OCTETS:
        raise BadPacket(f"a packet of {size} octets")
    if len(held) < 4 + size:
        return None
    return held[4:5], held[5 : 4 + size], held[4 + size :]


def strings(*texts: bytes) -> bytes:
    """Each with a NUL behind it; NULs within are taken away, and what is too long is cut."""
    whole = b"".join(text.replace(b"\0", b"")[:MAX_DATA_OCTETS] + b"\0" for text in texts)
    return whole if len(whole) <= MAX_DATA_OCTETS else whole[: MAX_DATA_OCTETS - 1] + b"\0"


# ---- commands


def negotiation(actions: int, protocol: int) -> bytes:
    """SMFIC_OPTNEG: what we can do."""
    return packet(NEGOTIATE, b"".join(number.to_bytes(4, "big") for number in (VERSION, actions, protocol)))


def macros(command: bytes, values: Iterable[tuple[str, str]]) -> bytes:
    """SMFIC_MACRO: what `command` is to know; b"" for no values."""
    told = [text.encode() for pair in values for text in pair]
    return packet(MACRO, command + strings(*told)) if told else b""


def connect(host: str, address: str, port: int) -> bytes:
    """SMFIC_CONNECT; `address` is "unix" or an IP address."""
    head = strings(host.encode())
    if address == "unix":
        return packet(CONNECT, head + b"U")
    family = b"6" if ":" in address else b"4"
    return packet(CONNECT, head + family + port.to_bytes(2, "big") + strings(address.encode()))


def header(name: bytes, value: bytes) -> bytes:
    """SMFIC_HEADER; a value that does not fit is cut."""
    name = name[:1000]
    return packet(HEADER, strings(name) + strings(value[: MAX_DATA_OCTETS - len(name) - 2]))


# ---- replies


def read_agreed(data: bytes) -> Agreed:
    """SMFIC_OPTNEG, with the lists of macros (SMFIF_SETSYMLIST) behind it."""
    if len(data) < 12:
        raise BadPacket("a negotiation that is too short")
    version, actions, protocol = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
    rest, symbols = data[12:], dict[int, tuple[str, ...]]()
    while rest.strip(b"\0"):
        stage, end = int.from_bytes(rest[:4], "big"), rest.find(b"\0", 4)
        if len(rest) < 5 or end < 0 or stage > 6 or len(symbols) > _MAX_SYMBOL_LISTS:
            raise BadPacket("lists of macros that are none")
        symbols[stage] = tuple(rest[4:end].decode("latin-1").replace(",", " ").split()[:_MAX_ARGUMENTS])
        rest = rest[end + 1 :]
    return Agreed(version, actions, protocol, symbols)


def read_reply(kind: bytes, data: bytes) -> Reply:
    """One reply."""
    if (final := _FINALS.get(kind)) is not None:
        return Ending(final)
    if kind == b"p":
        return Progress()
    if kind == b"b":
        return BodyWish(data)
    read = _READERS.get(kind)
    if read is None:
        raise BadPacket(f"a reply {kind!r}")
    return read(data)


def _texts(data: bytes, least: int, most: int) -> list[bytes]:
    """NUL-terminated texts."""
    if not data.endswith(b"\0"):
        raise BadPacket("a text without its end")
    found = data[:-1].split(b"\0")
    if not least <= len(found) <= most:
        raise BadPacket(f"{len(found)} texts where {least} are due")
    return found


def _reply_code(data: bytes) -> Ending:
    text = _texts(data, 1, 1)[0]
    code, enhanced, said = 0, "", list[bytes]()
    for line in re.split(rb"\r?\n", text.rstrip(b"\r\n"))[:32]:
        found = _REPLY_LINE.fullmatch(line)
        if found is None or (code and int(found[1]) != code):
            raise BadPacket(f"a reply {line[:40]!r}")
        code = int(found[1])
        if found[2] is not None and found[2][:1] == found[1][:1]:
            enhanced = found[2].decode("ascii")
        said.append((found[3] or b"").replace(b"%%", b"%"))
    return Ending("reject" if code >= 500 else "tempfail", code, enhanced, b" ".join(said))


def _add_header(data: bytes) -> HeaderWish:
    name, value = _texts(data, 2, 2)
    return HeaderWish("add", name, value)


def _numbered(data: bytes) -> tuple[int, bytes, bytes]:
    if len(data) < 4:
        raise BadPacket("a header field without its number")
    name, value = _texts(data[4:], 2, 2)
    return int.from_bytes(data[:4], "big"), name, value


def _insert_header(data: bytes) -> HeaderWish:
    number, name, value = _numbered(data)
    return HeaderWish("insert", name, value, number)


def _change_header(data: bytes) -> HeaderWish:
    number, name, value = _numbered(data)
    return HeaderWish("change", name, value, max(number, 1))


def _add_recipient(data: bytes) -> RecipientWish:
    return RecipientWish("add", _texts(data, 1, 1)[0])


def _add_recipient_with(data: bytes) -> RecipientWish:
    address, *parameters = _texts(data, 1, _MAX_ARGUMENTS)
    return RecipientWish("add with parameters", address, b" ".join(parameters))


def _delete_recipient(data: bytes) -> RecipientWish:
    return RecipientWish("delete", _texts(data, 1, 1)[0])


def _change_from(data: bytes) -> SenderWish:
    address, *parameters = _texts(data, 1, _MAX_ARGUMENTS)
    return SenderWish(address, b" ".join(parameters))


def _quarantine(data: bytes) -> QuarantineWish:
    return QuarantineWish(_texts(data, 1, 1)[0])


_READERS: dict[bytes, Callable[[bytes], Reply]] = {
    b"y": _reply_code,
    b"h": _add_header,
    b"i": _insert_header,
    b"m": _change_header,
    b"+": _add_recipient,
    b"2": _add_recipient_with,
    b"-": _delete_recipient,
    b"e": _change_from,
    b"q": _quarantine,
}
