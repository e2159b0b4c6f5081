"""One transaction in terms that one server understands.

Owns: which parameters and which form of a queued message fit what a server offers, where that can be done without
loss; what has no chance there (RFC 6531 §3.2, RFC 6152 §3, RFC 3030 §3, RFC 2852 §4.1.4). Never: talks to the server;
an address that can't be said to it is refused by the engine (smtp.client). Raises: Unfit, and what reading the content
raises.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroom.base import Clock, MailError
from postroom.message import NotRecodable
from postroom.queue import DeliverBy, Entry, QueuedMessage
from postroom.smtp import By, SendMail, SendTo, ServerReply, local_reply

from .content import Content, QueuedContent
from .destination import ascii_address
from .settings import DeliverySettings

_NEVER = frozenset({"NEVER"})  # RFC 3461 §4.1


class Unfit(Exception):
    """This server can't be given the message; another of the same destination may be one that can."""

    def __init__(self, reply: ServerReply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is said, and the octets that follow."""

    mail: SendMail
    content: Content


class Transactions:
    """The transactions of one message, with whatever server it meets; what was learnt of its content is kept."""

    def __init__(
        self,
        message: QueuedMessage,
        content: QueuedContent,
        settings: DeliverySettings,
        clock: Clock | None = None,
    ) -> None:
        self._message = message
        self._content = content
        self._settings = settings
        self._clock = clock  # None: what a server takes has arrived, and no deadline goes on with it
        self._has_8bit: bool | None = None
        self._international: bool | None = None
        self._signed: bool | None = None
        self._recoded: dict[bool, Content | NotRecodable] = {}

    async def for_server(self, offered: Mapping[str, str], entries: Sequence[Entry]) -> Transaction:
        """The transaction for these recipients, with a server that offers these extensions. Raises Unfit."""
        envelope = self._message.envelope
        addresses = [entry.recipient.address for entry in entries]
        mail_from = envelope.mail_from
        smtputf8 = envelope.smtputf8 or not (mail_from + "".join(addresses)).isascii()
        if smtputf8 and "SMTPUTF8" not in offered:
            # RFC 6531 §3.2: only mail that is in fact internationalized needs it; a domain alone has an ASCII form.
            # A recipient that has none is refused by the engine, for itself.
            mail_from, addresses = _ascii(mail_from), [_ascii(address) for address in addresses]
            if not mail_from.isascii():  # RFC 6531 §3.5
                raise Unfit(local_reply(550, "5.6.7", "The server can't take internationalized addresses"))
            smtputf8 = False
            content = await self._without_utf8(offered)
        else:
            content = await self._fitting(offered)
        binary = content is self._content and envelope.binary
        by = self._deliver_by(offered)
        mail = SendMail(
            mail_from,
            tuple(
                SendTo(address, self._notify(entry, offered, by), entry.recipient.original)
                for address, entry in zip(addresses, entries, strict=True)
            ),
            size=content.size,
            body_8bit="8BITMIME" in offered and (envelope.body_8bit or envelope.binary),
            binary=binary,
            smtputf8=smtputf8,
            ret=envelope.ret,
            envid=envelope.envid,
            require_tls=envelope.require_tls,
            deliver_by=by,
            priority=envelope.priority,
        )
        return Transaction(mail, content)

    # ---- content

    async def _fitting(self, offered: Mapping[str, str]) -> Content:
        """The content for a server that may take nothing binary, or nothing but ASCII. Raises Unfit."""
        binary = self._message.envelope.binary
        if binary and "BINARYMIME" in offered and "CHUNKING" in offered:
            return self._content
        eight_bit = "8BITMIME" in offered or self._settings.send_8bit_anyway
        if not binary and (eight_bit or not await self._is_8bit()):
            return await self._with_short_lines(eight_bit=eight_bit)
        recoded = await self._as(eight_bit=eight_bit)
        if isinstance(recoded, NotRecodable):  # RFC 6152 §3, RFC 3030 §3
            kind = "binary" if eight_bit else "8-bit"
            text = f"The server can't take {kind} mail, and this message can't be converted: {recoded}"
            raise Unfit(local_reply(554, "5.6.3", text))
        return recoded

    async def _with_short_lines(self, *, eight_bit: bool) -> Content:
        """Many servers refuse a line of over 998 octets, and some cut it (RFC 5321 §4.5.3.1.6).

        What can't be converted is sent as it is: it may still arrive.
        """
        policy = self._settings.long_lines
        if not self._message.envelope.long_lines or policy == "keep":
            return self._content
        if policy == "recode-unsigned":
            if self._signed is None:
                self._signed = await self._content.is_signed()
            if self._signed:
                return self._content
        recoded = await self._as(eight_bit=eight_bit)
        return self._content if isinstance(recoded, NotRecodable) else recoded

    async def _without_utf8(self, offered: Mapping[str, str]) -> Content:
        """The content for a server that takes no headers in UTF-8, at any level (RFC 6531 §3.2). Raises Unfit.

        Those of a message within, and of what a report tells of one, may go in an encoded part (RFC 6532 §3.7,
        RFC 6533 §4): so reports on internationalized mail find their way to senders whose servers know nothing of it.
        """
        if not self._message.envelope.smtputf8 or not await self._is_international():
            return await self._fitting(offered)
        recoded = await self._as(eight_bit=False)
        if isinstance(recoded, NotRecodable):
            raise Unfit(local_reply(550, "5.6.9", "The server can't take internationalized mail"))
        return recoded

    async def _as(self, *, eight_bit: bool) -> Content | NotRecodable:
        if eight_bit not in self._recoded:
            try:
                self._recoded[eight_bit] = await self._content.recoded(eight_bit=eight_bit)
            except NotRecodable as error:
                self._recoded[eight_bit] = error
        return self._recoded[eight_bit]

    async def _is_international(self) -> bool:
        if self._international is None:
            self._international = await self._content.is_international()
        return self._international

    async def _is_8bit(self) -> bool:
        if self._has_8bit is None:
            self._has_8bit = await self._content.has_8bit()
        return self._has_8bit

    # ---- the deadline

    def _deliver_by(self, offered: Mapping[str, str]) -> By | None:
        """RFC 2852 §4.1.4: what is left of the time. Raises Unfit."""
        by = self._message.envelope.deliver_by
        if by is None or self._clock is None:
            return None
        left = math.floor(by.at - self._clock.now())
        if not by.notify_only:  # §4.1.4.1
            if left <= 0:
                raise Unfit(local_reply(550, "5.4.7", "The time that the sender set for the delivery is over"))
            if "DELIVERBY" not in offered:
                raise Unfit(local_reply(550, "5.3.3", "The server can't promise delivery by the time the sender set"))
            least = offered["DELIVERBY"].partition(",")[0].strip()
            if least.isascii() and least.isdecimal() and int(least[:10]) > left:
                raise Unfit(local_reply(550, "5.4.7", f"The server needs {least} seconds, and there are {left} left"))
        return By(left, by.notify_only, by.trace)

    def _notify(self, entry: Entry, offered: Mapping[str, str], by: By | None) -> frozenset[str] | None:
        """NOTIFY; whoever does not know the sender's deadline shall at least tell of a delay (RFC 2852 §4.1.4.2)."""
        notify = entry.recipient.notify
        if by is None or by.seconds <= 0 or "DELIVERBY" in offered or notify == _NEVER:
            return notify
        return (notify or frozenset({"FAILURE"})) | {"DELAY"}


def leaves_deadline_behind(by: DeliverBy | None, offered: Mapping[str, str], now: float) -> bool:
    """The next host will not know of it, and it is not over: the sender is told (RFC 2852 §4.1.4.2)."""
    return by is not None and by.notify_only and now < by.at and "DELIVERBY" not in offered


def _ascii(address: str) -> str:
    try:
        return ascii_address(address)
    except MailError:
        return address  # the engine refuses it


def with_content(settings: DeliverySettings, seconds: float, size: int) -> float:
    """A limit in seconds, for a message of so many octets."""
    return seconds + size / settings.min_content_octets_per_second
