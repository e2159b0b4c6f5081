"""Servers that misbehave, one row each: what becomes of each recipient, over real sockets.

A row says what the server does, and for each recipient whether it is sent, deferred or bounced after one attempt. In
doubt (RFC 1047) is what was lost after the final dot: it is deferred, and the journal says so.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from tests.delivery.peer import DROP, SILENT, Drip, Last, Peer, Raw
from tests.delivery.world import MESSAGE, World, play, server_context

from postroom.base import MailError
from postroom.delivery import Deliverer, DeliverySettings
from postroom.delivery.settings import RelaySettings
from postroom.dns import DnsResolver, DnsSettings, TestDnsServer
from postroom.net import Dialer, NetSettings, OwnAddresses
from postroom.queue import Envelope, Recipient

STAGES = ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END")
PATIENCE = 0.08  # seconds for a reply, at the stage where the server is silent; elsewhere a busy machine has its time
WAITS = {stage: f"{stage.lower()}_timeout_seconds" for stage in ("GREETING", "STARTTLS", "AUTH", *STAGES[2:], "QUIT")}
WAITS["EHLO"] = WAITS["HELO"] = "hello_timeout_seconds"
OK = {
    "GREETING": b"220 peer.test",
    "EHLO": b"250 peer.test",
    "MAIL": b"250 ok",
    "RCPT": b"250 ok",
    "DATA": b"354 go on",
    "END": b"250 taken",
}
PLAIN_HELLO = b"250-peer.test\r\n250 STARTTLS"
CR, LF, NUL = b"\r", b"\n", b"\0"


@dataclass(frozen=True)
class Row:
    name: str
    expected: str  # of all recipients, or of each
    script: Mapping[str, list[bytes]] = field(default_factory=dict)
    words: str = ""  # in the last reply to somebody who did not get it
    doubt: bool = False
    extensions: tuple[str, ...] = ("8BITMIME",)
    tls: bool = False  # the server has a certificate, a self-signed one
    implicit: bool = False
    relay: RelaySettings | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    next_host: bool = False  # there is a second MX, and it is a good one
    secure: bool | None = None  # whether the message went over TLS
    messages: int = 1
    recipients: tuple[str, ...] = ("a@b.test", "b@b.test", "c@b.test")
    content: bytes = MESSAGE


def at(stage: str, reply: bytes) -> dict[str, list[bytes]]:
    """The server says this at one stage; HELO is refused with EHLO."""
    return {stage: [reply]} | ({"HELO": [reply]} if stage == "EHLO" else {})


def each(name: str, expected: str, reply: bytes, words: str = "", *, doubt: bool = False) -> list[Row]:
    """The same at each stage. `doubt`: at the end."""
    return [
        Row(f"{name} at {stage}", expected, at(stage, reply), words, doubt=doubt and stage == "END") for stage in STAGES
    ]


def good(name: str, change: Any) -> list[Row]:
    """The right answers in an odd form: taken as what they mean."""
    return [Row(f"{name} at {stage}", "sent", {stage: [change(reply)]}) for stage, reply in OK.items()]


def verified(**more: Any) -> RelaySettings:
    return RelaySettings(hosts=("mx1.b.test",), **more)


BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 300_000
TLS = ("STARTTLS",)
SIGNED_IN = verified(tls="never", username="u", password="p")
REFUSED = {"RCPT a@b.test": [b"550 5.1.1 no"], "RCPT b@b.test": [b"450 4.2.1 later"]}

BROKEN_TLS: list[tuple[str, dict[str, list[bytes]], str]] = [
    ("STARTTLS refused", {"STARTTLS": [b"454 4.7.0 no"]}, "TLS"),
    ("STARTTLS refused for good", {"STARTTLS": [b"554 5.7.0 no"]}, "TLS"),
    ("cut at STARTTLS", {"STARTTLS": [DROP]}, ""),
    ("silence at STARTTLS", {"STARTTLS": [SILENT]}, ""),
    ("garbage for a handshake", {"STARTTLS": [Raw(b"220 go\r\nnot TLS at all")]}, "TLS handshake failed"),
    ("no handshake", {"STARTTLS": [Last(b"220 go")]}, "TLS handshake failed"),
    ("silence in the handshake", {"STARTTLS": [b"220 go", SILENT]}, "TLS handshake failed"),
]

ROWS = [
    # silence, and next to silence
    *each("silence", "deferred", SILENT, f"within {PATIENCE:g} seconds", doubt=True),
    *each("an octet a minute", "deferred", Drip(b"250 so slow"), f"within {PATIENCE:g} seconds", doubt=True),
    Row("silence, then the next host", "sent", at("MAIL", SILENT), next_host=True),
    Row("an octet a minute, then the next host", "sent", at("GREETING", Drip(b"220 so slow")), next_host=True),
    Row("silence at the end: not the next host", "deferred", at("END", SILENT), doubt=True, next_host=True),
    Row(
        "a line a minute",
        "deferred",
        at("EHLO", Drip(b"250-a\r\n250-b\r\n250-c\r\n")),
        f"within {PATIENCE:g} seconds",
    ),
    Row(
        "each recipient takes its time",
        "deferred",
        at("RCPT", Drip(b"250")),
        "was not done with the message after 0 seconds",
        settings={"max_transaction_seconds": 0.08, "rcpt_timeout_seconds": 5},
        recipients=tuple(f"r{k}@b.test" for k in range(20)),
    ),
    Row(
        "each address takes its time",
        "deferred",
        at("GREETING", SILENT),
        "The attempt was given up after 0 seconds",
        settings={"max_attempt_seconds": 0.05, "greeting_timeout_seconds": 5},
    ),
    # gone
    *each("cut", "deferred", DROP, "Connection lost", doubt=True),
    *each("half a reply, then cut", "deferred", Last(b"250-half"), "Connection lost", doubt=True),
    Row("cut, then the next host", "sent", at("RCPT", DROP), next_host=True),
    Row("cut after the final dot: not the next host", "deferred", at("END", DROP), doubt=True, next_host=True),
    Row("cut within the content", "deferred", {"CONTENT": [DROP]}, content=BIG),
    Row("cut within the content, then the next host", "sent", {"CONTENT": [DROP]}, content=BIG, next_host=True),
    Row("closes after each message", "sent", {"END": [Last(b"250 2.0.0 taken")]}, messages=3),
    Row("goes away after each message", "sent", {"END": [Raw(b"250 taken\r\n421 too much\r\n")]}, messages=3),
    # refusals
    *each("421", "deferred", b"421 4.3.2 closing", "closing"),
    Row("421, then the next host", "sent", at("DATA", b"421 4.3.2 closing"), next_host=True),
    Row("421 at the end: not the next host", "deferred", at("END", b"421 4.3.2 closing"), next_host=True),
    *each("4xx", "deferred", b"451 4.3.0 not now", "not now"),
    *each("5xx", "bounced", b"554 5.7.1 never", "never"),
    Row("EHLO is unknown", "sent", {"EHLO": [b"500 5.5.1 what?"]}),
    Row("half of the recipients", "bounced deferred sent", REFUSED),
    Row("half of the recipients, pipelined", "bounced deferred sent", REFUSED, extensions=("PIPELINING",)),
    Row(
        "half of the recipients, then cut",
        "bounced deferred deferred",
        REFUSED | {"END": [DROP]},
        doubt=True,
    ),
    Row("half of the recipients, then DATA refused", "bounced deferred bounced", REFUSED | {"DATA": [b"554 no"]}),
    Row("everybody is refused, DATA is not", "bounced", {"RCPT": [b"550 5.1.1 no"]}, extensions=("PIPELINING",)),
    Row("one at a time", "sent", {"RCPT": [b"250 ok", b"452 4.5.3 too many", b"452 4.5.3 too many", b"250 ok"]}),
    Row("too many, in the words of old", "sent", {"RCPT": [b"250 ok", b"552 5.5.3 too many", b"250 ok"]}),
    Row("none at a time", "deferred", {"RCPT": [b"452 4.5.3 too many"]}),
    Row("refused within the content", "bounced", {"CONTENT": [b"552 5.3.4 enough"]}, "enough", content=BIG),
    Row("too large by SIZE", "bounced", extensions=("SIZE 10",), words="The server takes 10 octets"),
    # what is no reply
    *each("garbage", "deferred", Raw(b"\x16\x03\x01\x02\x00\x01\r\n"), "Protocol error", doubt=True),
    *each("a web server", "deferred", b"HTTP/1.1 400 Bad Request", "Protocol error", doubt=True),
    *each("a number and no more", "deferred", b"25", "Protocol error", doubt=True),
    *each("no blank behind the code", "deferred", b"250ok", "Protocol error", doubt=True),
    *each("a code that does not exist", "deferred", b"650 what", "Protocol error", doubt=True),
    *each("an empty line", "deferred", b"", "Protocol error", doubt=True),
    *each("the code changes", "deferred", b"250-one\r\n550 two", "Protocol error", doubt=True),
    *each("a line of 10 MB", "deferred", b"250 " + b"x" * 10_000_000, "Protocol error", doubt=True),
    *each("10 MB of lines", "deferred", b"250-more\r\n" * 1_000_000 + b"250 x", "Protocol error", doubt=True),
    *each("octets without a line end", "deferred", Raw(b"2" * 100_000), "Protocol error", doubt=True),
    # codes at the wrong place
    Row("greets with 250", "deferred", at("GREETING", b"250 hello")),
    Row("354 to MAIL", "deferred", at("MAIL", b"354 go on")),
    Row("354 to RCPT", "deferred", at("RCPT", b"354 go on")),
    Row("250 to DATA: taken before it was sent", "deferred", at("DATA", b"250 taken"), "Protocol error"),
    Row("taken before its end", "deferred", at("DATA", Raw(b"354 go on\r\n250 taken\r\n")), "Protocol error"),
    Row("354 to the end", "deferred", at("END", b"354 go on"), "Protocol error", doubt=True),
    Row("two greetings", "deferred", at("GREETING", Raw(b"220 one\r\n220 two\r\n220 three\r\n")), "a reply to nothing"),
    Row("everything at once", "deferred", at("GREETING", b"220 a\r\n250 b\r\n250 c\r\n250 d\r\n354 e\r\n250 f")),
    Row("two replies to MAIL", "deferred", at("MAIL", b"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 x")),
    Row("two replies to the end", "sent", at("END", Raw(b"250 taken\r\n250 taken\r\n")), messages=2),
    Row("a reply behind QUIT", "sent", {"QUIT": [b"500 never"]}),
    Row("silence at QUIT", "sent", {"QUIT": [SILENT]}),
    # odd, and understood
    *good("a bare LF", lambda reply: Raw(reply + LF)),
    *good("NUL in the text", lambda reply: reply + NUL + b"x"),
    *good("8-bit text", lambda reply: reply + b" \xe4\xff\xc3\xa4"),
    *good("many lines", lambda reply: reply[:3] + b"-some\r\n" + reply),
    *good("a bare CR in the text", lambda reply: reply + CR + b"550 no"),
    *good("no text", lambda reply: reply[:3]),
    Row("8-bit in a refusal", "bounced", at("RCPT", b"550 5.1.1 kein \xe4\xff\0 Konto"), "Konto"),
    Row("odd extensions", "sent", at("EHLO", b"250-peer\r\n250- \r\n250-SIZE x y\r\n250-=\r\n250 PIPELINING")),
    Row("too many extensions", "deferred", at("EHLO", b"250-X\r\n" * 300 + b"250 Y"), "Protocol error"),
    # TLS if it is offered
    Row("STARTTLS refused", "sent", {"STARTTLS": [b"454 4.7.0 no"]}, extensions=TLS),
    Row("cut at STARTTLS", "sent", {"STARTTLS": [DROP]}, extensions=TLS),
    Row("silence at STARTTLS", "sent", {"STARTTLS": [SILENT]}, extensions=TLS),
    Row("garbage for a handshake", "sent", {"STARTTLS": [Raw(b"220 go\r\nnot TLS at all")]}, extensions=TLS),
    Row("no handshake", "sent", {"STARTTLS": [Last(b"220 go")]}, extensions=TLS),
    Row("silence in the handshake", "sent", {"STARTTLS": [b"220 go", SILENT]}, extensions=TLS),
    Row(
        "octets behind the go-ahead",
        "sent",
        {"STARTTLS": [Raw(b"220 go\r\n250 evil\r\n")]},
        extensions=TLS,
        tls=True,
        secure=True,
    ),
    Row("an old certificate is good enough", "sent", extensions=TLS, tls=True, secure=True),
    Row(
        "cut after the handshake",
        "sent",
        {"EHLO": [PLAIN_HELLO, DROP, PLAIN_HELLO]},
        extensions=TLS,
        tls=True,
        secure=False,
    ),
    # TLS that is asked for
    *(
        Row(f"{name}, with TLS required", "deferred", script, words, extensions=TLS, settings={"tls": "required"})
        for name, script, words in BROKEN_TLS
    ),
    *(
        Row(
            f"{name} after the handshake, with TLS required",
            "deferred",
            {"EHLO": [PLAIN_HELLO, reply]},
            words,
            extensions=TLS,
            tls=True,
            settings={"tls": "required"},
        )
        for name, reply, words in (
            ("cut", DROP, "Connection lost"),
            ("silence", SILENT, "No reply"),
            ("garbage", b"garbage", "Protocol error"),
            ("421", b"421 4.3.2 closing", "closing"),
        )
    ),
    Row("TLS required and not offered", "deferred", words="does not offer TLS", settings={"tls": "required"}),
    Row(
        "a certificate of nobody's",
        "deferred",
        words="certificate",
        extensions=TLS,
        tls=True,
        relay=verified(tls="verify"),
    ),
    Row("a verified relay without TLS", "deferred", words="does not offer TLS", relay=verified(tls="verify")),
    Row(
        "an encrypting relay, any certificate",
        "sent",
        extensions=TLS,
        tls=True,
        relay=verified(tls="encrypt"),
        secure=True,
    ),
    Row(
        "from the start, a certificate of nobody's",
        "deferred",
        words="certificate",
        tls=True,
        implicit=True,
        relay=verified(tls="implicit"),
    ),
    Row(
        "TLS from the start, and the server speaks first",
        "deferred",
        words="TLS handshake failed",
        relay=verified(tls="implicit"),
    ),
    # AUTH
    Row(
        "the password is wrong",
        "deferred",
        {"AUTH": [b"535 5.7.8 no"]},
        "535 5.7.8 no",
        extensions=("AUTH PLAIN",),
        relay=SIGNED_IN,
    ),
    Row("AUTH is not offered", "deferred", words="offers no AUTH", relay=SIGNED_IN),
    Row(
        "AUTH asks for more",
        "deferred",
        {"AUTH": [b"334 !!!"], "*": [b"501 5.5.2 ok"]},
        extensions=("AUTH PLAIN",),
        relay=SIGNED_IN,
    ),
    Row("cut at AUTH", "deferred", {"AUTH": [DROP]}, extensions=("AUTH PLAIN",), relay=SIGNED_IN),
    Row("silence at AUTH", "deferred", {"AUTH": [SILENT]}, extensions=("AUTH PLAIN",), relay=SIGNED_IN),
    Row("421 at AUTH", "deferred", {"AUTH": [b"421 4.3.2 no"]}, extensions=("AUTH PLAIN",), relay=SIGNED_IN),
    # ourselves
    Row("it is this server", "bounced", at("EHLO", b"250 Mail.A.test"), "goes in circles"),
    Row("it is this server: no worse host", "bounced", at("EHLO", b"250 mail.a.test hi"), "in circles", next_host=True),
    Row("a relay may have our name", "sent", at("EHLO", b"250 mail.a.test"), relay=verified(tls="never")),
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificate")


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(row: Row, certificate: Path) -> None:
    silent = {stage for stage, replies in row.script.items() if SILENT in replies or isinstance(replies[0], Drip)}
    settings = {WAITS[stage]: PATIENCE for stage in silent | {"QUIT"}} | dict(row.settings)
    if row.relay is not None:
        settings |= {"relay": {"relay": row.relay}, "smarthost": "relay"}

    async def scene(world: World) -> None:
        if "STARTTLS" in silent:
            world.net = NetSettings(tls_handshake_timeout_seconds=PATIENCE)
        context = server_context(certificate) if row.tls else None
        script = {stage: list(replies) for stage, replies in row.script.items()}
        peer = Peer(script, extensions=row.extensions, tls=context, implicit_tls=row.implicit)
        await world.peer(peer, preference=5)
        second = await world.peer(Peer(extensions=("8BITMIME",)), preference=20) if row.next_host else None
        started = time.monotonic()
        for _ in range(row.messages):
            await world.put(*row.recipients, content=row.content)
            await world.deliverer.deliver_due_now()
        await world.deliverer.close_idle()
        assert time.monotonic() - started < 5
        await _check(world, row)
        _check_what_was_taken(row, peer, second)

    play(scene, DeliverySettings(**settings))


async def _check(world: World, row: Row) -> None:
    attempts = world.steps.of("attempt")
    words = row.expected.split()
    expected = dict(zip(row.recipients, words * len(row.recipients) if len(words) == 1 else words, strict=False))
    assert {str(attempt["to"]): attempt["status"] for attempt in attempts} == expected
    assert len(attempts) == len(row.recipients) * row.messages  # one outcome each
    doubted = [to for step in world.steps.of("in doubt") for to in step["to"]]  # type: ignore[attr-defined]
    assert bool(doubted) == row.doubt
    assert {entry.recipient.address for entry in await world.entries()} == {
        address for address, state in expected.items() if state == "deferred"
    }
    assert len(world.mailboxes.reports) == ("bounced" in words)
    assert (
        any(row.words in str(attempt["reply"]) for attempt in attempts if attempt["status"] != "sent") or not row.words
    )


def _check_what_was_taken(row: Row, peer: Peer, second: Peer | None) -> None:
    taken = peer.taken + (second.taken if second is not None else [])
    if "sent" in row.expected:
        times = {address: sum(mail.recipients.count(address) for mail in taken) for address in row.recipients}
        words = row.expected.split() * (len(row.recipients) if " " not in row.expected else 1)
        assert times == {
            address: row.messages if state == "sent" else 0
            for address, state in zip(row.recipients, words, strict=False)
        }
        assert {mail.content for mail in taken} == {row.content}
        assert row.secure is None or set(peer.secure) == {row.secure}
    elif not row.doubt:
        assert taken == []


# ---- servers that the DNS leads astray


@dataclass(frozen=True)
class DnsRow:
    """Records as "name type data; …". The good server is at 127.0.0.1; 127.0.0.64/26 is what may not be called."""

    name: str
    expected: str
    zones: str
    words: str = ""
    failing: str = ""  # names that are answered with SERVFAIL
    silent: str = ""
    cut: str = ""  # truncated over UDP
    garbage: str = ""
    codes: str = ""  # "name type RCODE; …", whatever the zone has
    recipient: str = "bob@b.test"
    listening: str = ""  # own address of a listener, at the port of all hosts
    settings: Mapping[str, Any] = field(default_factory=dict)


MANY = "; ".join(f"b.test MX {k} m{k}.b.test" for k in range(250))
THIRTY = "; ".join(f"b.test MX {k} m{k}.b.test" for k in range(30))
MANY_HOSTS = "; ".join(f"m{k}.b.test A 127.0.0.1" for k in range(20))
CLOSED = "; ".join(f"b.test A 127.1.0.{k}" for k in range(100))

DNS_ROWS = [
    DnsRow("an MX", "sent", "b.test MX 10 mx.b.test; mx.b.test A 127.0.0.1"),
    # where an MX may not lead
    DnsRow(
        "MX at an address that is refused", "bounced", "b.test MX 1 mx.b.test; mx.b.test A 127.0.0.66", "never called"
    ),
    DnsRow(
        "one of two addresses is refused",
        "sent",
        "b.test MX 1 mx.b.test; mx.b.test A 127.0.0.66; mx.b.test A 127.0.0.1",
    ),
    DnsRow(
        "one of two MXs is refused",
        "sent",
        "b.test MX 1 bad.b.test; b.test MX 2 mx.b.test; bad.b.test A 127.0.0.66; mx.b.test A 127.0.0.1",
    ),
    DnsRow(
        "MX at ::ffff:127.0.0.66", "bounced", "b.test MX 1 mx.b.test; mx.b.test AAAA ::ffff:127.0.0.66", "never called"
    ),
    DnsRow("the domain's own address is refused", "bounced", "b.test A 127.0.0.66", "never called"),
    DnsRow("an address for an MX", "sent", "b.test MX 10 127.0.0.1"),
    DnsRow("a refused address for an MX", "bounced", "b.test MX 10 127.0.0.66", "never called"),
    DnsRow("a literal that is refused", "bounced", "", "never called", recipient="bob@[127.0.0.66]"),
    DnsRow("a literal", "sent", "", recipient="bob@[127.0.0.1]"),
    # ourselves
    DnsRow("MX is our name", "bounced", "b.test MX 10 mail.a.test; mail.a.test A 127.0.0.1", "would come back"),
    DnsRow(
        "MX is another name of ours",
        "bounced",
        "b.test MX 10 Alias.A.test; alias.a.test A 127.0.0.1",
        "would come back",
        settings={"own_names": ("alias.a.test",)},
    ),
    DnsRow(
        "MX is our address",
        "bounced",
        "b.test MX 10 x.b.test; x.b.test A 127.0.0.9",
        "would come back",
        settings={"own_addresses": ("127.0.0.9",)},
    ),
    DnsRow(
        "MX is an alias of our address",
        "bounced",
        "b.test MX 10 y.b.test; y.b.test CNAME x.b.test; x.b.test A 127.0.0.9",
        "would come back",
        settings={"own_addresses": ("127.0.0.9",)},
    ),
    DnsRow(
        "MX is where we listen",
        "bounced",
        "b.test MX 10 x.b.test; x.b.test A 127.0.0.9",
        "would come back",
        listening="127.0.0.9",
    ),
    DnsRow("MX is where we listen on all", "bounced", "b.test MX 1 127.0.0.1", "would come back", listening="0.0.0.0"),
    DnsRow(
        "one of its addresses is where we listen",
        "bounced",
        "b.test MX 10 mx.b.test; mx.b.test A 127.0.0.1; mx.b.test A 127.0.0.9",
        "would come back",
        listening="127.0.0.9",
    ),
    DnsRow(
        "we listen at a worse MX",
        "sent",
        "b.test MX 10 mx.b.test; b.test MX 20 x.b.test; mx.b.test A 127.0.0.1; x.b.test A 127.0.0.9",
        listening="127.0.0.9",
    ),
    DnsRow(
        "we listen at a worse MX than one that is down",
        "deferred",
        "b.test MX 10 mx.b.test; b.test MX 20 x.b.test; b.test MX 30 127.0.0.1; mx.b.test A 127.1.0.1;"
        " x.b.test A 127.0.0.9",
        "refused",
        listening="127.0.0.9",
    ),
    DnsRow(
        "we listen at one of equals",
        "bounced",
        "b.test MX 10 mx.b.test; b.test MX 10 x.b.test; mx.b.test A 127.0.0.1; x.b.test A 127.0.0.9",
        "would come back",
        listening="127.0.0.9",
    ),
    DnsRow("the domain is where we listen", "bounced", "b.test A 127.0.0.9", "come back", listening="127.0.0.9"),
    DnsRow("we are a worse MX", "sent", "b.test MX 10 mx.b.test; b.test MX 20 mail.a.test; mx.b.test A 127.0.0.1"),
    DnsRow(
        "we are a better MX",
        "bounced",
        "b.test MX 20 mx.b.test; b.test MX 10 mail.a.test; mx.b.test A 127.0.0.1",
        "would come back",
    ),
    DnsRow(
        "we are one of equals",
        "bounced",
        "b.test MX 10 mx.b.test; b.test MX 10 mail.a.test; mx.b.test A 127.0.0.1",
        "would come back",
    ),
    DnsRow(
        "the domain's own address is ours",
        "bounced",
        "b.test A 127.0.0.9",
        "would come back",
        settings={"own_addresses": ("127.0.0.9",)},
    ),
    DnsRow("a domain of ours", "sent", "a.test MX 10 mx.b.test; mx.b.test A 127.0.0.1", recipient="bob@a.test"),
    # null MX
    DnsRow("null MX", "bounced", "b.test MX 0 .; b.test A 127.0.0.1", "does not accept mail"),
    DnsRow("null MX among others", "sent", "b.test MX 0 .; b.test MX 10 mx.b.test; mx.b.test A 127.0.0.1"),
    # aliases
    DnsRow("the domain is an alias", "sent", "b.test CNAME c.test; c.test MX 10 mx.b.test; mx.b.test A 127.0.0.1"),
    DnsRow(
        "MX is an alias",
        "sent",
        "b.test MX 10 mx.b.test; mx.b.test CNAME c.test; c.test CNAME d.test; d.test CNAME e.test; e.test A 127.0.0.1",
    ),
    DnsRow("a loop of aliases", "deferred", "b.test CNAME c.test; c.test CNAME b.test"),
    DnsRow(
        "MX is a loop of aliases",
        "deferred",
        "b.test MX 10 c.test; c.test CNAME d.test; d.test CNAME c.test",
        "DNS trouble",
    ),
    DnsRow(
        "MX is a loop of aliases, and another one",
        "sent",
        "b.test MX 10 c.test; b.test MX 20 mx.b.test; c.test CNAME c.test; mx.b.test A 127.0.0.1",
    ),
    DnsRow("an alias that leads nowhere", "bounced", "b.test CNAME gone.test", "no mail server and no address"),
    # much
    DnsRow("hundreds of MX records, all good", "sent", MANY + "; " + MANY_HOSTS),
    DnsRow("thirty MX records, all without an address", "bounced", THIRTY, "has an address"),
    DnsRow("a hundred addresses, all of them closed", "deferred", CLOSED, "refused"),
    DnsRow(
        "an answer that has to come by TCP",
        "sent",
        "b.test MX 10 mx.b.test; mx.b.test A 127.0.0.1",
        cut="b.test mx.b.test",
    ),
    # absence
    DnsRow("no such domain", "bounced", "else.test A 127.0.0.1", "does not exist"),
    DnsRow("neither MX nor address", "bounced", "b.test TXT hello", "no mail server and no address"),
    DnsRow("no MX, an address", "sent", "b.test A 127.0.0.1"),
    DnsRow("MX without an address", "bounced", "b.test MX 10 gone.b.test", "has an address"),
    DnsRow(
        "MX without an address, and another one",
        "sent",
        "b.test MX 10 gone.b.test; b.test MX 20 mx.b.test; mx.b.test A 127.0.0.1",
    ),
    # trouble
    DnsRow("SERVFAIL for the domain", "deferred", "b.test MX 10 mx.b.test", "DNS trouble", failing="b.test"),
    DnsRow("SERVFAIL for the MX's address", "deferred", "b.test MX 10 mx.b.test", "DNS trouble", failing="mx.b.test"),
    DnsRow(
        "SERVFAIL for one of two MXs",
        "sent",
        "b.test MX 1 bad.b.test; b.test MX 2 mx.b.test; mx.b.test A 127.0.0.1",
        failing="bad.b.test",
    ),
    DnsRow(
        "SERVFAIL for one MX, the other has no address",
        "deferred",
        "b.test MX 1 bad.b.test; b.test MX 2 gone.b.test",
        "DNS trouble",
        failing="bad.b.test",
    ),
    DnsRow("REFUSED", "deferred", "b.test A 127.0.0.1", "DNS trouble", codes="b.test MX 5"),
    DnsRow("NOTIMP", "deferred", "b.test A 127.0.0.1", "DNS trouble", codes="b.test MX 4"),
    DnsRow("silence for the domain", "deferred", "b.test MX 10 mx.b.test", "DNS trouble", silent="b.test"),
    DnsRow("silence for the MX's address", "deferred", "b.test MX 10 mx.b.test", "DNS trouble", silent="mx.b.test"),
    DnsRow(
        "silence for one of two MXs",
        "sent",
        "b.test MX 1 bad.b.test; b.test MX 2 mx.b.test; mx.b.test A 127.0.0.1",
        silent="bad.b.test",
    ),
    DnsRow("garbage instead of an answer", "deferred", "b.test A 127.0.0.1", "DNS trouble", garbage="b.test"),
    # lies
    DnsRow("no such domain, says the MX, and it has an address", "sent", "b.test A 127.0.0.1", codes="b.test MX 3"),
    DnsRow(
        "no such host, says the AAAA, and it has an A",
        "sent",
        "b.test MX 1 mx.b.test; mx.b.test A 127.0.0.1",
        codes="mx.b.test AAAA 3",
    ),
    DnsRow("AAAA fails, A does not", "sent", "b.test MX 1 mx.b.test; mx.b.test A 127.0.0.1", codes="mx.b.test AAAA 2"),
    DnsRow(
        "no such domain, says the MX, and the address fails",
        "deferred",
        "b.test A 127.0.0.1",
        "DNS trouble",
        codes="b.test MX 3; b.test A 2; b.test AAAA 2",
    ),
    DnsRow(
        "names that are none",
        "bounced",
        r"b.test MX 10 a\013\010b.test; b.test MX 20 \000.b.test; b.test MX 30 -.b.test",
        "has an address",
    ),
]


class HostileDns(TestDnsServer):
    """Answers as the row says."""

    def __init__(self, row: DnsRow) -> None:
        zones: dict[str, dict[str, list[str]]] = {}
        for record in filter(None, row.zones.split("; ")):
            name, kind, data = record.split(" ", 2)
            zones.setdefault(name, {}).setdefault(kind, []).append(data)
        super().__init__(zones)
        self.failing, self.silent, self.cut = set(row.failing.split()), set(row.silent.split()), set(row.cut.split())
        self._garbage = set(row.garbage.split())
        codes = [code.split(" ") for code in filter(None, row.codes.split("; "))]
        self._codes = {(name, kind): int(code) for name, kind, code in codes}

    def answer(self, wire: bytes, by: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        if name in self._garbage:
            return wire[:2] + b"\xff" * 40
        code = self._codes.get((name, dns.rdatatype.to_text(query.question[0].rdtype)))
        if code is None:
            return super().answer(wire, by)
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.Rcode(code))
        return response.to_wire()


@pytest.mark.parametrize("row", DNS_ROWS, ids=[row.name for row in DNS_ROWS])
def test_dns(row: DnsRow) -> None:
    async def scene(world: World) -> None:
        peer = await world.peer(Peer())
        dns_settings: dict[str, Any] = (
            {"timeout_seconds": 0.05, "total_timeout_seconds": 0.08} if row.silent or row.garbage else {}
        )
        async with HostileDns(row) as server:
            settings = DnsSettings(nameservers=(server.address,), tries=1, **dns_settings)
            world.resolver = resolver = DnsResolver(settings, world.clock)  # type: ignore[assignment]
            changes: dict[str, Any] = {"refuse_networks": ("127.0.0.64/26",), "port": peer.port, **row.settings}
            world.settings = DeliverySettings(**changes)
            if row.listening:
                world.own = OwnAddresses(world.net, world.clock, (f"{row.listening}:{peer.port}",))
            await world.put(row.recipient)
            await world.deliverer.deliver_due_now()
            await world.deliverer.close_idle()
            await resolver.close()
        (attempt,) = world.steps.of("attempt")
        assert (attempt["status"], row.words in str(attempt["reply"])) == (row.expected, True), attempt
        delivered = [mail for _, mail in world.mailboxes.delivered if mail.recipients == ["bob@a.test"]]
        assert len(peer.taken) + len(delivered) == (row.expected == "sent")
        assert len(world.steps.of("call")) <= 10

    play(scene)


# ---- nothing of what people write becomes a command


@pytest.mark.parametrize("octets", ["\r\n", "\n", "\r", "\0", "\r\n.\r\n"], ids=repr)
@pytest.mark.parametrize("extensions", [(), ("PIPELINING", "DSN", "SMTPUTF8", "8BITMIME", "SIZE", "CHUNKING")], ids=len)
@pytest.mark.parametrize(
    "where", ["recipient", "domain", "sender", "envid", "ret", "original", "notify", "route", "mx", "mx_of_mx"]
)
def test_nothing_is_smuggled(where: str, octets: str, extensions: tuple[str, ...]) -> None:
    evil = f"x{octets}RCPT TO:<evil@evil.test>{octets}"

    async def scene(world: World) -> None:
        peer = await world.peer(Peer(extensions=extensions))
        envelope, recipient = Envelope("alice@a.test"), Recipient("bob@b.test")
        match where:
            case "recipient":
                recipient = replace(recipient, address=f"{evil}@b.test")
            case "domain":
                recipient = replace(recipient, address=f"bob@{evil}.b.test")
                world.resolver.mx_records[f"{evil}.b.test".lower()] = world.resolver.mx_records["b.test"]
            case "sender":
                envelope = replace(envelope, mail_from=f"{evil}@a.test")
            case "envid":
                envelope = replace(envelope, envid=evil)
            case "ret":
                envelope = replace(envelope, ret=evil)
            case "original":
                recipient = replace(recipient, original=f"rfc822;{evil}")
            case "notify":
                recipient = replace(recipient, notify=frozenset({"FAILURE", evil}))
            case "mx":
                world.resolver.mx_records["b.test"] = [(10, evil)]
            case "mx_of_mx":
                world.resolver.a_records["mx1.b.test"] = [f"127.0.0.1{octets}"]
        queue_id = await world.put(recipient, envelope=envelope)
        if where == "route":
            await world.queue.move([queue_id], f"127.0.0.1:{peer.port}{evil}", world.clock.now())
        await world.deliverer.deliver_due_now()
        await world.deliverer.close_idle()
        assert not [line for line in peer.commands if line.startswith("RCPT") and "evil" in line]
        assert [mail.recipients for mail in peer.taken] in ([], [["bob@b.test"]])
        assert not any(char in line for line in peer.commands for char in "\r\n\0")
        verbs = {line.split(" ", 1)[0].split(":")[0] for line in peer.commands}
        assert verbs <= {"EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "QUIT", "."}
        assert len(world.steps.of("attempt")) == 1

    play(scene)


def test_a_host_name_with_a_line_end_is_no_setting_of_ours() -> None:
    for wrong in ("mail.a.test\r\nRSET", "mail.a.test\0", "mail\n.a.test"):
        with pytest.raises((ValueError, MailError)):
            Deliverer(**_parts(wrong))


def _parts(hostname: str) -> dict[str, Any]:
    world = World()
    return {
        "queue": world.queue,
        "resolver": world.resolver,
        "dialer": Dialer(world.net),
        "local": world.mailboxes,
        "directory": world.mailboxes,
        "clock": world.clock,
        "ids": world.ids,
        "settings": world.settings,
        "hostname": hostname,
    }


def test_the_table_is_long_enough_and_says_nothing_twice() -> None:
    names = [row.name for row in ROWS] + [row.name for row in DNS_ROWS]
    assert len(set(names)) == len(names) >= 200
