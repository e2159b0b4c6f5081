"""One transaction in terms that one server understands.

Owns: which parameters and which form of a queued message fit what a server offers, where that can be done without
loss. Never: talks to the server; an address that can't be said to it is refused by the engine (smtp.client). Raises:
Unfit, and what reading the content raises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroom.base import MailError
from postroom.message import NotRecodable
from postroom.queue import Entry, QueuedMessage
from postroom.smtp import SendMail, SendTo, ServerReply, local_reply

from .content import Content, QueuedContent, RecodedContent
from .destination import ascii_address
from .settings import DeliverySettings


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

    def __init__(self, message: QueuedMessage, content: QueuedContent, settings: DeliverySettings) -> None:
        self._message = message
        self._content = content
        self._settings = settings
        self._has_8bit: bool | None = None
        self._international: bool | None = None
        self._recoded: dict[bool, RecodedContent | NotRecodable] = {}

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
            if not mail_from.isascii() or (envelope.smtputf8 and await self._is_international()):
                raise Unfit(local_reply(550, "5.6.7", "The server can't take internationalized mail"))  # RFC 6531 §3.5
            smtputf8 = False
        binary = envelope.binary and "BINARYMIME" in offered and "CHUNKING" in offered
        content = self._content if binary else await self._fitting(offered)
        mail = SendMail(
            mail_from,
            tuple(
                SendTo(address, entry.recipient.notify, entry.recipient.original)
                for address, entry in zip(addresses, entries, strict=True)
            ),
            size=content.size,
            body_8bit="8BITMIME" in offered and (envelope.body_8bit or envelope.binary),
            binary=binary,
            smtputf8=smtputf8,
            ret=envelope.ret,
            envid=envelope.envid,
            require_tls=envelope.require_tls,
        )
        return Transaction(mail, content)

    async def _fitting(self, offered: Mapping[str, str]) -> Content:
        """The content for a server that takes nothing binary, and may take nothing but ASCII. Raises Unfit."""
        eight_bit = "8BITMIME" in offered or self._settings.send_8bit_anyway
        if not self._message.envelope.binary and (eight_bit or not await self._is_8bit()):
            return self._content
        if eight_bit not in self._recoded:
            try:
                self._recoded[eight_bit] = await self._content.recoded(eight_bit=eight_bit)
            except NotRecodable as error:
                self._recoded[eight_bit] = error
        recoded = self._recoded[eight_bit]
        if isinstance(recoded, NotRecodable):  # RFC 6152 §3, RFC 3030 §3
            kind = "binary" if eight_bit else "8-bit"
            text = f"The server can't take {kind} mail, and this message can't be converted: {recoded}"
            raise Unfit(local_reply(554, "5.6.3", text))
        return recoded

    async def _is_international(self) -> bool:
        if self._international is None:
            self._international = await self._content.is_international()
        return self._international

    async def _is_8bit(self) -> bool:
        if self._has_8bit is None:
            self._has_8bit = await self._content.has_8bit()
        return self._has_8bit


def _ascii(address: str) -> str:
    try:
        return ascii_address(address)
    except MailError:
        return address  # the engine refuses it
