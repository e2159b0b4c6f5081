"""One transaction in terms that one server understands.

Owns: which parameters and which form of a queued message fit what a server offers, where that can be done without
loss. Never: talks to the server; what it can't take is refused by the engine (smtp.client). Raises: what reading the
content raises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postroom.base import MailError
from postroom.queue import Entry, QueuedMessage
from postroom.smtp import SendMail, SendTo

from .content import QueuedContent
from .destination import ascii_address
from .settings import DeliverySettings


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is said, and the octets that follow."""

    mail: SendMail
    content: QueuedContent


class Transactions:
    """The transactions of one message, with whatever server it meets; what was learnt of its content is kept."""

    def __init__(self, message: QueuedMessage, content: QueuedContent, settings: DeliverySettings) -> None:
        self._message = message
        self._content = content
        self._settings = settings
        self._has_8bit: bool | None = None

    async def for_server(self, offered: Mapping[str, str], entries: Sequence[Entry]) -> Transaction:
        """The transaction for these recipients, with a server that offers these extensions."""
        envelope = self._message.envelope
        addresses = [entry.recipient.address for entry in entries]
        mail_from = envelope.mail_from
        smtputf8 = envelope.smtputf8 or not (mail_from + "".join(addresses)).isascii()
        if smtputf8 and "SMTPUTF8" not in offered:
            # RFC 6531 §3.2: only mail that is in fact internationalized needs it; a domain alone has an ASCII form
            mail_from, addresses = _ascii(mail_from), [_ascii(address) for address in addresses]
            plain = mail_from.isascii() and all(address.isascii() for address in addresses)
            smtputf8 = not plain or (envelope.smtputf8 and not (await self._content.header()).isascii())
        body_8bit = envelope.body_8bit
        if "8BITMIME" not in offered:
            body_8bit = not self._settings.send_8bit_anyway and await self._is_8bit()
        mail = SendMail(
            mail_from,
            tuple(
                SendTo(address, entry.recipient.notify, entry.recipient.original)
                for address, entry in zip(addresses, entries, strict=True)
            ),
            size=self._message.size,
            body_8bit=body_8bit,
            binary=envelope.binary,
            smtputf8=smtputf8,
            ret=envelope.ret,
            envid=envelope.envid,
        )
        return Transaction(mail, self._content)

    async def _is_8bit(self) -> bool:
        if self._has_8bit is None:
            self._has_8bit = await self._content.has_8bit()
        return self._has_8bit


def _ascii(address: str) -> str:
    try:
        return ascii_address(address)
    except MailError:
        return address  # the engine refuses it
