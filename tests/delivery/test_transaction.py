"""What is said to a server for what it offers, on a queue in memory."""

import asyncio
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery.content import QueuedContent
from postroom.delivery.settings import DeliverySettings
from postroom.delivery.transaction import Transaction, Transactions, Unfit
from postroom.queue import Envelope, MemoryQueue, QueueSettings, Recipient

PLAIN = b"Subject: a\r\n\r\nx\r\n"
HEADER_8BIT = "Subject: ä\r\n\r\nx\r\n".encode()
BODY_8BIT = "Subject: a\r\n\r\nä".encode()
BODY_BINARY = b"Content-Transfer-Encoding: binary\r\n\r\n\0\n"
EIGHT_BIT = Envelope("alice@a.test", body_8bit=True)
BINARY = Envelope("alice@a.test", binary=True)


def read(
    content: bytes,
    *offered: str,
    envelope: Envelope | None = None,
    to: str = "bob@b.test",
    settings: DeliverySettings | None = None,
) -> tuple[Transaction, bytes]:
    """The transaction for one queued message and a server that offers these, and the octets it sends."""

    async def make() -> tuple[Transaction, bytes]:
        queue = MemoryQueue(QueueSettings(), FakeClock(), SeededIds(7))
        with Spool(Path("unused"), 1 << 20) as spool:
            spool.write(content)
            await queue.enqueue(envelope or Envelope("alice@a.test"), [Recipient(to)], spool)
        entries = await queue.entries()
        message = entries[0].message
        transactions = Transactions(message, QueuedContent(queue, message), settings or DeliverySettings())
        transaction = await transactions.for_server(dict.fromkeys(offered, ""), entries)
        return transaction, b"".join([piece async for piece in transaction.content.pieces()])

    return asyncio.run(make())


def made(content: bytes, *offered: str, envelope: Envelope | None = None, to: str = "bob@b.test") -> Transaction:
    return read(content, *offered, envelope=envelope, to=to)[0]


@pytest.mark.parametrize(
    ("content", "offered", "to", "smtputf8", "said"),
    [
        (PLAIN, ("SMTPUTF8",), "bob@b.test", True, "bob@b.test"),  # as the sender said
        (PLAIN, (), "bob@b.test", False, "bob@b.test"),  # not international after all
        (PLAIN, (), "bob@bücher.test", False, "bob@xn--bcher-kva.test"),
        (PLAIN, (), "böb@b.test", False, "böb@b.test"),  # the engine refuses it
        (BODY_8BIT, (), "bob@b.test", False, "bob@b.test"),  # a matter of 8BITMIME alone
    ],
)
def test_smtputf8(content: bytes, offered: tuple[str, ...], to: str, smtputf8: bool, said: str) -> None:
    mail = made(content, "8BITMIME", *offered, envelope=Envelope("alice@a.test", smtputf8=True), to=to).mail
    assert (mail.smtputf8, mail.recipients[0].address) == (smtputf8, said)


@pytest.mark.parametrize(
    ("content", "mail_from"), [(HEADER_8BIT, "alice@a.test"), (PLAIN, "älice@a.test"), (PLAIN, "älice@ä.test")]
)
def test_international_mail_needs_smtputf8(content: bytes, mail_from: str) -> None:
    with pytest.raises(Unfit) as caught:
        made(content, "8BITMIME", envelope=Envelope(mail_from, smtputf8=True))
    assert (caught.value.reply.code, caught.value.reply.enhanced) == (550, "5.6.7")


CHUNKING = ("CHUNKING", "BINARYMIME")


@pytest.mark.parametrize(
    ("envelope", "content", "offered", "anyway", "body_8bit", "binary", "sent"),
    [
        (EIGHT_BIT, BODY_8BIT, ("8BITMIME",), False, True, False, BODY_8BIT),
        (EIGHT_BIT, PLAIN, ("8BITMIME",), False, True, False, PLAIN),  # as the sender said
        (EIGHT_BIT, PLAIN, (), False, False, False, PLAIN),  # only octets decide
        (EIGHT_BIT, BODY_8BIT, (), False, False, False, b"w6Q="),
        (EIGHT_BIT, BODY_8BIT, (), True, False, False, BODY_8BIT),
        (BINARY, BODY_BINARY, ("8BITMIME", *CHUNKING), False, True, True, BODY_BINARY),
        (BINARY, BODY_BINARY, CHUNKING, False, False, True, BODY_BINARY),
        (BINARY, BODY_BINARY, ("8BITMIME", "BINARYMIME"), False, True, False, b"AAo="),
        (BINARY, BODY_BINARY, (), False, False, False, b"AAo="),
        (BINARY, BODY_BINARY, (), True, False, False, b"AAo="),
        (BINARY, BODY_8BIT, ("8BITMIME",), False, True, False, BODY_8BIT),  # not binary after all
        (BINARY, PLAIN, (), False, False, False, PLAIN),
    ],
)
def test_the_body_for_what_is_offered(
    envelope: Envelope,
    content: bytes,
    offered: tuple[str, ...],
    anyway: bool,
    body_8bit: bool,
    binary: bool,
    sent: bytes,
) -> None:
    transaction, octets = read(content, *offered, envelope=envelope, settings=DeliverySettings(send_8bit_anyway=anyway))
    mail = transaction.mail
    assert (mail.body_8bit, mail.binary, mail.size) == (body_8bit, binary, transaction.content.size)
    assert octets == sent or (sent in octets and b"Content-Transfer-Encoding: base64\r\n" in octets)
    assert len(octets) == mail.size


@pytest.mark.parametrize(
    ("envelope", "content", "offered"),
    [
        (EIGHT_BIT, HEADER_8BIT, ()),
        (BINARY, b"Subject: \0\r\n\r\n", ("8BITMIME",)),
    ],
)
def test_what_can_not_be_converted(envelope: Envelope, content: bytes, offered: tuple[str, ...]) -> None:
    with pytest.raises(Unfit, match="can't be converted: there are") as caught:
        made(content, *offered, envelope=envelope)
    assert (caught.value.reply.code, caught.value.reply.enhanced) == (554, "5.6.3")


def test_what_the_envelope_asks_goes_along() -> None:
    transaction = made(PLAIN, envelope=Envelope("alice@a.test", ret="HDRS", envid="id 1"))
    mail = transaction.mail
    assert (mail.mail_from, mail.size, mail.ret, mail.envid) == ("alice@a.test", len(PLAIN), "HDRS", "id 1")
    assert transaction.content.size == len(PLAIN)
