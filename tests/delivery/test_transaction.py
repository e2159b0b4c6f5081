"""What is said to a server for what it offers, on a queue in memory."""

import asyncio
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery.content import QueuedContent
from postroom.delivery.settings import DeliverySettings
from postroom.delivery.transaction import Transaction, Transactions
from postroom.queue import Envelope, MemoryQueue, QueueSettings, Recipient

PLAIN = b"Subject: a\r\n\r\nx\r\n"
HEADER_8BIT = "Subject: ä\r\n\r\nx\r\n".encode()
BODY_8BIT = "Subject: a\r\n\r\nä\r\n".encode()


def made(
    content: bytes,
    *offered: str,
    envelope: Envelope | None = None,
    to: str = "bob@b.test",
    settings: DeliverySettings | None = None,
) -> Transaction:
    """The transaction for one queued message and a server that offers these."""

    async def make() -> Transaction:
        queue = MemoryQueue(QueueSettings(), FakeClock(), SeededIds(7))
        with Spool(Path("unused"), 1 << 20) as spool:
            spool.write(content)
            await queue.enqueue(envelope or Envelope("alice@a.test"), [Recipient(to)], spool)
        entries = await queue.entries()
        message = entries[0].message
        transactions = Transactions(message, QueuedContent(queue, message), settings or DeliverySettings())
        return await transactions.for_server(dict.fromkeys(offered, ""), entries)

    return asyncio.run(make())


@pytest.mark.parametrize(
    ("content", "offered", "to", "smtputf8", "said"),
    [
        (PLAIN, ("SMTPUTF8",), "bob@b.test", True, "bob@b.test"),  # as the sender said
        (PLAIN, (), "bob@b.test", False, "bob@b.test"),  # not international after all
        (PLAIN, (), "bob@bücher.test", False, "bob@xn--bcher-kva.test"),
        (PLAIN, (), "böb@b.test", True, "böb@b.test"),  # the engine refuses it
        (HEADER_8BIT, (), "bob@b.test", True, "bob@b.test"),  # the engine refuses it
        (BODY_8BIT, (), "bob@b.test", False, "bob@b.test"),  # a matter of 8BITMIME alone
    ],
)
def test_smtputf8(content: bytes, offered: tuple[str, ...], to: str, smtputf8: bool, said: str) -> None:
    mail = made(content, "8BITMIME", *offered, envelope=Envelope("alice@a.test", smtputf8=True), to=to).mail
    assert (mail.smtputf8, mail.recipients[0].address) == (smtputf8, said)


@pytest.mark.parametrize(
    ("content", "offered", "anyway", "body_8bit"),
    [
        (BODY_8BIT, ("8BITMIME",), False, True),
        (PLAIN, ("8BITMIME",), False, True),  # as the sender said
        (PLAIN, (), False, False),  # only octets decide
        (BODY_8BIT, (), False, True),  # the engine refuses it
        (BODY_8BIT, (), True, False),
    ],
)
def test_8bit(content: bytes, offered: tuple[str, ...], anyway: bool, body_8bit: bool) -> None:
    settings = DeliverySettings(send_8bit_anyway=anyway)
    mail = made(content, *offered, envelope=Envelope("alice@a.test", body_8bit=True), settings=settings).mail
    assert mail.body_8bit is body_8bit


def test_what_the_envelope_asks_goes_along() -> None:
    transaction = made(PLAIN, envelope=Envelope("alice@a.test", ret="HDRS", envid="id 1"))
    mail = transaction.mail
    assert (mail.mail_from, mail.size, mail.ret, mail.envid) == ("alice@a.test", len(PLAIN), "HDRS", "id 1")
    assert transaction.content.size == len(PLAIN)
