"""What is said to a server for what it offers, on a queue in memory."""

import asyncio
import email
from pathlib import Path

import pytest

from postroom.base import FakeClock, SeededIds, Spool
from postroom.delivery.content import QueuedContent
from postroom.delivery.settings import DeliverySettings
from postroom.delivery.transaction import Transaction, Transactions, Unfit, leaves_deadline_behind
from postroom.queue import DeliverBy, Envelope, MemoryQueue, QueueSettings, Recipient
from postroom.smtp import By

PLAIN = b"Subject: a\r\n\r\nx\r\n"
HEADER_8BIT = "Subject: ä\r\n\r\nx\r\n".encode()
BODY_8BIT = "Subject: a\r\n\r\nä".encode()
BODY_BINARY = b"Content-Transfer-Encoding: binary\r\n\r\n\0\n"
EIGHT_BIT = Envelope("alice@a.test", body_8bit=True)
BINARY = Envelope("alice@a.test", binary=True)


def _attached(header: str, part_header: str) -> bytes:
    head = f"{header}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return f"{head}--b\r\n{part_header}\r\n\r\nSubject: ä\r\n\r\nx\r\n--b--\r\n".encode()


def read(
    content: bytes,
    *offered: str,
    envelope: Envelope | None = None,
    to: str = "bob@b.test",
    settings: DeliverySettings | None = None,
    notify: frozenset[str] | None = None,
    final: bool = False,
) -> tuple[Transaction, bytes]:
    """The transaction for one queued message and a server that offers these, and the octets it sends."""

    async def make() -> tuple[Transaction, bytes]:
        clock = FakeClock()
        queue = MemoryQueue(QueueSettings(), clock, SeededIds(7))
        with Spool(Path("unused"), 1 << 20) as spool:
            spool.write(content)
            await queue.enqueue(envelope or Envelope("alice@a.test"), [Recipient(to, notify)], spool)
        entries = await queue.entries()
        message = entries[0].message
        queued = QueuedContent(queue, message)
        transactions = Transactions(message, queued, settings or DeliverySettings(), None if final else clock)
        extensions = dict(keyword.partition(" ")[::2] for keyword in offered)
        transaction = await transactions.for_server(extensions, entries)
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
    ("content", "mail_from", "status"),
    [
        (HEADER_8BIT, "alice@a.test", "5.6.9"),
        (PLAIN, "älice@a.test", "5.6.7"),
        (PLAIN, "älice@ä.test", "5.6.7"),
        (_attached("Subject: a", "X: ä"), "alice@a.test", "5.6.9"),
        (_attached("Subject: ä", "Content-Type: message/global"), "alice@a.test", "5.6.9"),
    ],
)
def test_international_mail_needs_smtputf8(content: bytes, mail_from: str, status: str) -> None:
    with pytest.raises(Unfit) as caught:
        made(content, "8BITMIME", envelope=Envelope(mail_from, smtputf8=True))
    assert (caught.value.reply.code, caught.value.reply.enhanced) == (550, status)


def test_a_report_on_international_mail_can_do_without_smtputf8() -> None:
    content = _attached("Subject: a", "Content-Type: message/global")
    transaction, octets = read(content, "8BITMIME", envelope=Envelope("", smtputf8=True))
    assert not transaction.mail.smtputf8
    assert octets.isascii()
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n" in octets
    assert len(octets) == transaction.mail.size


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


NOW = FakeClock().now()
TRACED = DeliverBy(NOW + 100.5, notify_only=True, trace=True)
RETURN = DeliverBy(NOW + 100.5, notify_only=False)
LATE = DeliverBy(NOW - 20, notify_only=True)


@pytest.mark.parametrize(
    ("by", "offered", "said"),
    [
        (TRACED, "DELIVERBY", By(100, notify_only=True, trace=True)),
        (RETURN, "DELIVERBY", By(100, notify_only=False, trace=False)),
        (RETURN, "DELIVERBY 100", By(100, notify_only=False, trace=False)),
        (RETURN, "DELIVERBY ,OTHER", By(100, notify_only=False, trace=False)),
        (TRACED, "DELIVERBY 900", By(100, notify_only=True, trace=True)),
        (LATE, "DELIVERBY", By(-20, notify_only=True, trace=False)),
        (TRACED, "8BITMIME", By(100, notify_only=True, trace=True)),  # the engine leaves it out
    ],
)
def test_the_time_that_is_left(by: DeliverBy, offered: str, said: By) -> None:
    assert made(PLAIN, offered, envelope=Envelope("alice@a.test", deliver_by=by)).mail.deliver_by == said


@pytest.mark.parametrize(
    ("by", "offered", "status"),
    [
        (RETURN, "8BITMIME", "5.3.3"),
        (RETURN, "DELIVERBY 101,X", "5.4.7"),
        (DeliverBy(NOW + 0.5, notify_only=False), "DELIVERBY", "5.4.7"),
        (DeliverBy(NOW - 5, notify_only=False), "DELIVERBY", "5.4.7"),
    ],
)
def test_what_is_to_be_returned_is_relayed_only_with_its_deadline(by: DeliverBy, offered: str, status: str) -> None:
    with pytest.raises(Unfit) as caught:
        made(PLAIN, offered, envelope=Envelope("alice@a.test", deliver_by=by))
    assert (caught.value.reply.code, caught.value.reply.enhanced) == (550, status)


def test_where_it_has_arrived_no_deadline_is_relayed() -> None:
    mail = read(PLAIN, envelope=Envelope("alice@a.test", deliver_by=RETURN), final=True)[0].mail
    assert mail.deliver_by is None


@pytest.mark.parametrize(
    ("by", "offered", "notify", "said"),
    [
        (TRACED, "DSN", None, {"FAILURE", "DELAY"}),
        (TRACED, "DSN", {"SUCCESS"}, {"SUCCESS", "DELAY"}),
        (TRACED, "DSN", {"NEVER"}, {"NEVER"}),
        (TRACED, "DELIVERBY", {"SUCCESS"}, {"SUCCESS"}),
        (LATE, "DSN", None, None),
        (None, "DSN", None, None),
    ],
)
def test_who_does_not_know_the_deadline_is_to_tell_of_delay(
    by: DeliverBy | None, offered: str, notify: set[str] | None, said: set[str] | None
) -> None:
    envelope = Envelope("alice@a.test", deliver_by=by)
    given = None if notify is None else frozenset(notify)
    assert read(PLAIN, offered, envelope=envelope, notify=given)[0].mail.recipients[0].notify == said


@pytest.mark.parametrize(
    ("by", "offered", "forgot"),
    [
        (TRACED, "8BITMIME", True),
        (TRACED, "DELIVERBY", False),
        (LATE, "8BITMIME", False),
        (RETURN, "8BITMIME", False),
        (None, "8BITMIME", False),
    ],
)
def test_a_deadline_that_is_left_behind(by: DeliverBy | None, offered: str, forgot: bool) -> None:
    assert leaves_deadline_behind(by, {offered: ""}, NOW) is forgot


def test_what_the_envelope_asks_goes_along() -> None:
    transaction = made(PLAIN, envelope=Envelope("alice@a.test", ret="HDRS", envid="id 1", priority=4))
    mail = transaction.mail
    assert mail.priority == 4
    assert (mail.mail_from, mail.size, mail.ret, mail.envid) == ("alice@a.test", len(PLAIN), "HDRS", "id 1")
    assert transaction.content.size == len(PLAIN)


# ---- lines over 998 octets (RFC 5321 §4.5.3.1.6)

LONG = Envelope("alice@a.test", long_lines=True)
TEXT = b"x" * 990 + b" caf\xc3\xa9 " + b"y" * 990
WITH_LONG = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT + b"\r\n"
SIGNATURE = b"DKIM-Signature: v=1; d=a.test; b=x\r\n"


def sent(content: bytes, *offered: str, long_lines: str = "recode-unsigned") -> bytes:
    settings = DeliverySettings(long_lines=long_lines)  # type: ignore[arg-type]
    transaction, octets = read(content, *offered, envelope=LONG, settings=settings)
    assert transaction.mail.size == transaction.content.size == len(octets)
    return octets


@pytest.mark.parametrize("offered", [("8BITMIME",), ("8BITMIME", "CHUNKING", "PIPELINING")])
def test_long_lines_are_recoded_and_come_back_as_they_were(offered: tuple[str, ...]) -> None:
    octets = sent(WITH_LONG, *offered)
    assert max(map(len, octets.split(b"\r\n"))) <= 76
    message = email.message_from_bytes(octets)
    assert message["Content-Transfer-Encoding"] == "quoted-printable"
    assert message.get_payload(decode=True) == TEXT + b"\r\n"


def test_a_text_without_mime_says_what_it_is() -> None:
    octets = sent(b"Subject: a\r\n\r\n" + b"x" * 1500 + b"\r\n")
    message = email.message_from_bytes(octets)
    assert (message.get_content_type(), message.get_content_charset()) == ("text/plain", "us-ascii")
    assert message.get_payload(decode=True) == b"x" * 1500 + b"\r\n"


@pytest.mark.parametrize("field", [SIGNATURE, b"arc-message-signature: i=1\r\n", b"DomainKey-Signature: a\r\n"])
def test_signed_mail_stays_as_it_is(field: bytes) -> None:
    assert sent(field + WITH_LONG, "8BITMIME") == field + WITH_LONG
    assert sent(field + WITH_LONG, "8BITMIME", long_lines="recode") != field + WITH_LONG
    quoted = b"Subject: x\r\n" + WITH_LONG + SIGNATURE  # within the text
    assert sent(quoted, "8BITMIME") != quoted


def test_what_nobody_wants_or_can_convert_stays_too() -> None:
    assert sent(WITH_LONG, "8BITMIME", long_lines="keep") == WITH_LONG
    signed = b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n"
    signed += b"x" * 1500 + b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\ny\r\n--b--\r\n"
    assert sent(signed, "8BITMIME", long_lines="recode") == signed  # RFC 1847 §2.1
    header = b"Subject: a\r\nX-Long: " + b"x" * 1500 + b"\r\n\r\ny\r\n"
    assert sent(header, "8BITMIME") == header
    assert read(WITH_LONG, "8BITMIME", envelope=EIGHT_BIT)[1] == WITH_LONG  # queued before such lines were looked for
