"""What a message asks for."""

import asyncio
from typing import Any

import pytest

from postroom.delivery.message_tls import MessageTls
from postroom.delivery.routing import Host
from postroom.delivery.session import SessionRefused
from postroom.delivery.tls_demand import OPPORTUNISTIC, Published, TlsDemand
from postroom.delivery.tls_policy import HostRefused
from postroom.dns import DnsTemporary
from postroom.mailauth import ResultType
from postroom.queue import Envelope
from postroom.smtp import local_reply

HOST = Host("mx.b.test", 25)
STRICT = TlsDemand("starttls", "DANE", published=Published("b.test", "tlsa"))
BY_SETTING = TlsDemand("starttls", "the settings")
REQUIRES = Envelope("alice@a.test", require_tls=True)


class Given:
    """A header, and an answer to every question for a demand."""

    def __init__(self, answer: TlsDemand | Exception, header: bytes = b"Subject: x\r\n\r\n") -> None:
        self.answer = answer
        self.octets = header
        self.asked: list[dict[str, bool]] = []
        self.headers = 0

    async def demand(self, host: Host, **message: bool) -> TlsDemand:
        self.asked.append(message)
        if message.get("waived"):
            return OPPORTUNISTIC
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def header(self) -> bytes:
        self.headers += 1
        return self.octets

    def of(self, envelope: Envelope) -> MessageTls:
        return MessageTls(envelope, self.header, self.demand)


WAIVING = b"TLS-required:  NO \r\n\r\n"
REFUSED = HostRefused("no", None, ResultType.VALIDATION_FAILURE)


@pytest.mark.parametrize(
    ("envelope", "header", "answer", "asked"),
    [
        (Envelope("a@a.test"), b"\r\n", OPPORTUNISTIC, [{}]),
        (Envelope("a@a.test"), b"\r\n", STRICT, [{}]),
        (Envelope("a@a.test"), WAIVING, STRICT, [{}, {"waived": True}]),
        (Envelope("a@a.test"), WAIVING, REFUSED, [{}, {"waived": True}]),
        (Envelope("a@a.test"), WAIVING, DnsTemporary("x"), [{}, {"waived": True}]),
        (Envelope("a@a.test"), WAIVING, BY_SETTING, [{}]),
        (REQUIRES, WAIVING, STRICT, [{"authenticated": True}]),
        (Envelope("", require_tls=True), b"\r\n", STRICT, [{}]),  # RFC 8689 §4.2.1: not for reports
    ],
)
def test_what_is_demanded(
    envelope: Envelope, header: bytes, answer: TlsDemand | Exception, asked: list[dict[str, bool]]
) -> None:
    given = Given(answer, header)
    asyncio.run(given.of(envelope).demand(HOST))
    assert given.asked == asked


def test_the_header_is_read_once_and_only_where_it_matters() -> None:
    async def go() -> None:
        given = Given(OPPORTUNISTIC)
        await given.of(Envelope("a@a.test")).demand(HOST)
        assert given.headers == 0
        given.answer = STRICT
        message = given.of(Envelope("a@a.test"))
        for _ in range(3):
            await message.demand(HOST)
        assert given.headers == 1

    asyncio.run(go())


@pytest.mark.parametrize("answer", [REFUSED, DnsTemporary("x")])
def test_without_a_waiver_a_refusal_stands(answer: Exception) -> None:
    with pytest.raises(type(answer)):
        asyncio.run(Given(answer).of(Envelope("a@a.test")).demand(HOST))


@pytest.mark.parametrize(
    ("envelope", "code", "options", "reply"),
    [
        (REQUIRES, 454, {"failure": ResultType.STARTTLS_NOT_SUPPORTED}, "550 5.7.10 why"),
        (REQUIRES, 421, {"failure": ResultType.CERTIFICATE_EXPIRED, "tls_failed": True}, "550 5.7.10 why"),
        (REQUIRES, 454, {"tls_failed": True}, "550 5.7.10 why"),  # none of the TLSA records
        (REQUIRES, 421, {"tls_failed": True}, "421 4.7.5 why"),  # the handshake broke
        (REQUIRES, 421, {"unreachable": True}, "421 4.7.5 why"),
        (Envelope("a@a.test"), 454, {"failure": ResultType.CERTIFICATE_EXPIRED}, "454 4.7.5 why"),
    ],
)
def test_when_a_refusal_is_for_good(envelope: Envelope, code: int, options: dict[str, Any], reply: str) -> None:
    refused = SessionRefused(local_reply(code, "4.7.5", "why"), **options)
    assert str(Given(STRICT).of(envelope).refusal(refused)) == reply
