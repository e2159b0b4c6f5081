"""One connection with a milter as a state machine: what may be sent when, what may come, what it comes to.

Owns: the order of commands, the negotiated options, the bounds of what one message may have changed. Never: I/O.
Raises: MilterBroken for anything that the protocol does not allow.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import packets
from .macros import AT_CONNECT, AT_DATA, AT_END, AT_END_OF_HEADER, AT_HELO, AT_MAIL, AT_RCPT, told
from .packets import BadPacket, BodyWish, Ending, HeaderWish, Progress, QuarantineWish, RecipientWish, SenderWish, Wish

MAX_WISHES = 2_000  # of one message, those for the body apart
MAX_WISH_OCTETS = 1_048_576  # of all of them
MAX_PROGRESS = 10_000  # packets that only say that it is at work, for one command


class MilterBroken(Exception):
    """It does not keep to the protocol; the text says how."""


class Stage(enum.IntEnum):
    """The last thing that was said."""

    NEW = 0
    READY = 1  # negotiated, or ready for the next client
    CONNECT = 2
    HELO = 3
    MAIL = 4
    RCPT = 5
    DATA = 6
    HEADER = 7
    END_OF_HEADER = 8
    BODY = 9
    END = 10
    CLOSED = 11


@dataclass(frozen=True, slots=True)
class Sent:
    """Octets to send, and whether an answer follows; nothing to send: the milter does not want to hear of it."""

    octets: bytes = b""
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to. "close": the SMTP connection is to end."""

    kind: Literal["continue", "accept", "discard", "refuse", "close", "skip"]
    code: int = 0
    enhanced: str = ""
    text: bytes = b""


CONTINUE = Answer("continue")
NOTHING = Sent()
_DEFAULTS = {"reject": (550, "5.7.1", b"Command rejected"), "tempfail": (451, "4.7.1", b"Please try again later")}
_SHUTDOWN = Answer("close", 421, "4.7.0", b"Service unavailable, closing the connection")
_NEEDED = {
    "add": packets.ADD_HEADERS,
    "insert": packets.ADD_HEADERS,
    "change": packets.CHANGE_HEADERS,
}
_NEEDED_RECIPIENTS = {
    "add": packets.ADD_RECIPIENTS,
    "add with parameters": packets.ADD_RECIPIENTS_PAR,
    "delete": packets.DELETE_RECIPIENTS,
}
# by command: what it must not be told at all, what it does not answer
_WANTED: dict[Stage, tuple[int, int]] = {
    Stage.CONNECT: (packets.NO_CONNECT, packets.MUTE_CONNECT),
    Stage.HELO: (packets.NO_HELO, packets.MUTE_HELO),
    Stage.MAIL: (packets.NO_MAIL, packets.MUTE_MAIL),
    Stage.RCPT: (packets.NO_RCPT, packets.MUTE_RCPT),
    Stage.DATA: (packets.NO_DATA, packets.MUTE_DATA),
    Stage.HEADER: (packets.NO_HEADERS, packets.MUTE_HEADER),
    Stage.END_OF_HEADER: (packets.NO_EOH, packets.MUTE_EOH),
    Stage.BODY: (packets.NO_BODY, packets.MUTE_BODY),
    Stage.END: (0, 0),
}
_ABILITIES = (
    (packets.ADD_HEADERS, "add header fields"),
    (packets.CHANGE_HEADERS, "change header fields"),
    (packets.CHANGE_BODY, "replace the body"),
    (packets.ADD_RECIPIENTS | packets.ADD_RECIPIENTS_PAR, "add recipients"),
    (packets.DELETE_RECIPIENTS, "take recipients away"),
    (packets.CHANGE_FROM, "change the sender"),
    (packets.QUARANTINE, "have a message put apart"),
)
_MACROS = {
    Stage.CONNECT: (packets.CONNECT, AT_CONNECT),
    Stage.HELO: (packets.HELO, AT_HELO),
    Stage.MAIL: (packets.MAIL, AT_MAIL),
    Stage.RCPT: (packets.RCPT, AT_RCPT),
    Stage.DATA: (packets.DATA, AT_DATA),
    Stage.END_OF_HEADER: (packets.END_OF_HEADER, AT_END_OF_HEADER),
    Stage.END: (packets.END, AT_END),
}
_BEFORE: dict[Stage, tuple[Stage, ...]] = {
    Stage.CONNECT: (Stage.READY,),
    Stage.HELO: (Stage.CONNECT, Stage.HELO, Stage.END),
    Stage.MAIL: (Stage.CONNECT, Stage.HELO, Stage.END),
    Stage.RCPT: (Stage.MAIL, Stage.RCPT),
    Stage.DATA: (Stage.RCPT,),
    Stage.HEADER: (Stage.DATA, Stage.HEADER),
    Stage.END_OF_HEADER: (Stage.DATA, Stage.HEADER),
    Stage.BODY: (Stage.END_OF_HEADER, Stage.BODY),
    Stage.END: (Stage.END_OF_HEADER, Stage.BODY),
}


class Dialogue:
    """`offer`, `agree`, then for each client `tell` … and `take` what is answered."""

    def __init__(self, *, may_change: bool = True) -> None:
        self._offered = packets.ALL_ACTIONS if may_change else packets.UNCHANGED_ACTIONS
        self.stage = Stage.NEW
        self.version = 0
        self.actions = 0
        self.protocol = 0
        self.symbols: Mapping[int, tuple[str, ...]] = {}
        self.wishes: list[Wish] = []  # of the message at hand, those for the body apart
        self._wish_octets = 0
        self._progress = 0

    # ---- negotiation

    def offer(self) -> bytes:
        return packets.negotiation(self._offered, packets.ALL_PROTOCOL)

    def agree(self, kind: bytes, data: bytes) -> None:
        """The milter's answer to the offer."""
        if self.stage is not Stage.NEW or kind != packets.NEGOTIATE:
            raise MilterBroken(f"{kind!r} where it should negotiate")
        try:
            agreed = packets.read_agreed(data)
        except BadPacket as error:
            raise MilterBroken(str(error)) from error
        if not packets.OLDEST_VERSION <= agreed.version <= packets.VERSION:
            raise MilterBroken(f"it speaks version {agreed.version}")
        if agreed.actions & ~self._offered:
            raise MilterBroken(f"it wants to do what it may not ({agreed.actions & ~self._offered:#x})")
        if agreed.protocol & ~packets.ALL_PROTOCOL:
            raise MilterBroken(f"it wants what was not offered ({agreed.protocol & ~packets.ALL_PROTOCOL:#x})")
        self.version, self.actions, self.symbols = agreed.version, agreed.actions, agreed.symbols
        self.protocol = agreed.protocol | (packets.NO_DATA if agreed.version < 4 else 0)  # came with version 4
        self.stage = Stage.READY

    # ---- commands

    def tell(self, stage: Stage, command: bytes, values: Mapping[str, str] | None = None) -> Sent:
        """Go on to `stage` by `command`, with macros of these values."""
        if self.stage not in _BEFORE[stage]:
            raise ValueError(f"{stage.name} after {self.stage.name}")
        if stage is Stage.MAIL:
            self.wishes, self._wish_octets = [], 0
        self.stage, self._progress = stage, 0
        unwanted, mute = _WANTED[stage]
        if self.protocol & unwanted:
            return NOTHING
        octets = command
        if stage in _MACROS:
            letter, number = _MACROS[stage]
            octets = packets.macros(letter, told(number, values or {}, self.symbols)) + command
        return Sent(octets, not self.protocol & mute)

    @property
    def abilities(self) -> str:
        """What it wants to be able to do, in words."""
        named = [words for bit, words in _ABILITIES if self.actions & bit]
        if not named:
            return "may change nothing"
        return "may " + (f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0])

    @property
    def wants_refused_recipients(self) -> bool:
        return bool(self.protocol & packets.REJECTED_RCPT) and not self.protocol & packets.NO_RCPT

    def value_of(self, raw: bytes) -> bytes:
        """A value as the milter wants it: lines end with LF; the blank behind the colon by SMFIP_HDR_LEADSPC."""
        value = raw.rstrip(b"\r\n").replace(b"\r\n", b"\n")
        if not self.protocol & packets.LEADING_SPACE and value[:1] in (b" ", b"\t"):
            return value[1:]
        return value

    def from_value(self, value: bytes) -> bytes:
        """The other way."""
        return value if self.protocol & packets.LEADING_SPACE or not value else b" " + value

    def abort(self) -> bytes:
        """The message is given up; b"" when there is none."""
        if not Stage.MAIL <= self.stage < Stage.END:
            return b""
        self.stage = Stage.HELO
        return packets.packet(packets.ABORT)

    def next_client(self) -> bytes:
        """SMFIC_QUIT_NC: this client is gone, another may come; b"": this milter can't."""
        if self.version < packets.VERSION or not Stage.READY <= self.stage <= Stage.END:
            return b""
        octets = self.abort() + packets.packet(packets.QUIT_NEXT)
        self.stage = Stage.READY
        return octets

    def quit(self) -> bytes:
        if self.stage in (Stage.NEW, Stage.CLOSED):
            return b""
        octets = self.abort() + packets.packet(packets.QUIT)
        self.stage = Stage.CLOSED
        return octets

    # ---- replies

    def take(self, kind: bytes, data: bytes) -> Answer | BodyWish | None:
        """What came: the answer, octets of a new body, or None when more has to come before the answer."""
        try:
            reply = packets.read_reply(kind, data)
        except BadPacket as error:
            raise MilterBroken(str(error)) from error
        if isinstance(reply, Ending):
            return self._ending(reply)
        if isinstance(reply, Progress):
            self._progress += 1
            if self._progress > MAX_PROGRESS:
                raise MilterBroken("it is at work without end")
            return None
        if self.stage is not Stage.END:
            raise MilterBroken("it changes the message before its end")
        self._check_action(reply)
        if isinstance(reply, BodyWish):
            return reply
        self._wish_octets += len(data)
        self.wishes.append(reply)
        if len(self.wishes) > MAX_WISHES or self._wish_octets > MAX_WISH_OCTETS:
            raise MilterBroken("it changes too much")
        return None

    def _check_action(self, wish: Wish) -> None:
        match wish:
            case HeaderWish(do=do):
                needed = _NEEDED[do]
            case RecipientWish(do=do):
                needed = _NEEDED_RECIPIENTS[do]
            case SenderWish():
                needed = packets.CHANGE_FROM
            case BodyWish():
                needed = packets.CHANGE_BODY
            case QuarantineWish():
                needed = packets.QUARANTINE
        if not self.actions & needed:
            raise MilterBroken(f"it does what it had not asked for ({needed:#x})")

    def _ending(self, reply: Ending) -> Answer:
        match reply.kind:
            case "continue" | "accept":
                return Answer(reply.kind)
            case "discard":
                if self.stage < Stage.MAIL:
                    raise MilterBroken("it discards what is no message")
                return Answer("discard")
            case "skip":
                if self.stage is not Stage.BODY or not self.protocol & packets.SKIPS:
                    raise MilterBroken("it skips what is no body")
                return Answer("skip")
            case "shutdown" | "conn-fail":
                return _SHUTDOWN
            case "reject" | "tempfail":
                code, enhanced, text = _DEFAULTS[reply.kind]
                if reply.code:
                    code, enhanced, text = reply.code, reply.enhanced or f"{reply.code // 100}.7.1", reply.text or text
                return Answer("close" if code == 421 else "refuse", code, enhanced, text)
