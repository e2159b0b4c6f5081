"""Tricks by which strangers have mail carried to others: over sockets, to a whole server, by each of its listeners.

Whatever a trick is answered, no entry for another server may be in the queue afterwards. The tricks that are written
as an address of ours may reach a mailbox here; everything else is refused at RCPT, or before.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom.accounts import AccountSettings
from postroom.app import App
from postroom.config import Config, ListenerSettings, ListenSettings
from postroom.delivery import DeliverySettings
from postroom.dns import DnsSettings, TestDnsServer
from postroom.net import NetSettings

ALICE = b"alice@a.test"
SECRET = "secret"
TEXT = b"From: x@c.test\r\nSubject: trick\r\n\r\nHello.\r\n.\r\n"
HELD = 10_000_000.0  # what was taken for another server stays in the queue, where it is seen


@dataclass(frozen=True)
class Trick:
    recipient: bytes  # what stands behind RCPT TO:
    sender: bytes = b"<x@c.test>"
    hello: bytes = b"EHLO evil.test"
    before: tuple[bytes, ...] = ()  # commands before MAIL
    ours: bool = False  # it is an address of ours, and its mail may come to a mailbox here


TRICKS = {
    "plain": Trick(b"<victim@b.test>"),
    "plain with HELO": Trick(b"<victim@b.test>", hello=b"HELO evil.test"),
    "no brackets": Trick(b"victim@b.test"),
    "two brackets": Trick(b"<<victim@b.test>>"),
    "nested brackets": Trick(b"<alice@a.test<victim@b.test>>"),
    "a bracket too many": Trick(b"<victim@b.test>>"),
    "two paths": Trick(b"<alice@a.test>,<victim@b.test>"),
    "two paths with a space": Trick(b"<alice@a.test> <victim@b.test>", ours=True),
    "source route through us": Trick(b"<@a.test:victim@b.test>"),
    "source route through us, twice": Trick(b"<@a.test,@mail.a.test:victim@b.test>"),
    "source route through the literal": Trick(b"<@[127.0.0.1]:victim@b.test>"),
    "source route that ends here": Trick(b"<@b.test:alice@a.test>", ours=True),
    "%-hack": Trick(b"<victim%b.test@a.test>"),
    "%-hack through the host": Trick(b"<victim%b.test@mail.a.test>"),
    "%-hack through the literal": Trick(b"<victim%b.test@[127.0.0.1]>"),
    "%-hack through localhost": Trick(b"<victim%b.test@localhost>"),
    "%-hack, twice": Trick(b"<victim%b.test%c.test@a.test>"),
    "bang path": Trick(b"<b.test!victim@a.test>"),
    "bang path through us": Trick(b"<a.test!b.test!victim>"),
    "bang path to us": Trick(b"<b.test!alice@a.test>"),
    "quoted at": Trick(b'<"victim@b.test"@a.test>'),
    "quoted at without a domain": Trick(b'<"victim@b.test">'),
    "quoted route": Trick(b'<"@b.test:victim"@a.test>'),
    "quoted %": Trick(b'<"victim%b.test"@a.test>'),
    "quoted pair": Trick(b'<"victim\\@b.test"@a.test>'),
    "quoted name of ours": Trick(b'<"alice"@a.test>', ours=True),
    "two ats": Trick(b"<victim@b.test@a.test>"),
    "two ats, ours first": Trick(b"<alice@a.test@b.test>"),
    "colon": Trick(b"<victim:b.test@a.test>"),
    "slash": Trick(b"<victim/b.test@a.test>"),
    "detail with an at": Trick(b'<"alice+victim@b.test"@a.test>', ours=True),
    "detail with %": Trick(b"<alice+victim%b.test@a.test>", ours=True),
    "postmaster elsewhere": Trick(b"<postmaster@b.test>"),
    "postmaster%": Trick(b"<postmaster%b.test>"),
    "no domain": Trick(b"<victim>"),
    "an empty domain": Trick(b"<victim@>"),
    "dot at the end": Trick(b"<victim@b.test.>"),
    "our domain with a dot": Trick(b"<alice@a.test.>", ours=True),
    "our domain as a label": Trick(b"<alice@a.test.b.test>"),
    "our domain as an end": Trick(b"<alice@evila.test>"),
    "the literal of another": Trick(b"<victim@[192.0.2.1]>"),
    "our literal": Trick(b"<victim@[127.0.0.1]>"),
    "an IPv6 literal": Trick(b"<victim@[IPv6:::1]>"),
    "an integer as a literal": Trick(b"<victim@[2130706433]>"),
    "an address as a domain": Trick(b"<victim@192.0.2.1>"),
    "null sender": Trick(b"<victim@b.test>", sender=b"<>"),
    "null sender with a %-hack": Trick(b"<victim%b.test@a.test>", sender=b"<>"),
    "sender of ours": Trick(b"<victim@b.test>", sender=b"<alice@a.test>"),
    "sender of ours without a domain": Trick(b"<victim@b.test>", sender=b"<alice>"),
    "postmaster of ours as the sender": Trick(b"<victim@b.test>", sender=b"<postmaster@a.test>"),
    "sender at our literal": Trick(b"<victim@b.test>", sender=b"<alice@[127.0.0.1]>"),
    "sender at localhost": Trick(b"<victim@b.test>", sender=b"<root@localhost>"),
    "the victim as the sender": Trick(b"<victim@b.test>", sender=b"<victim@b.test>"),
    "HELO of ours": Trick(b"<victim@b.test>", hello=b"EHLO mail.a.test"),
    "HELO of localhost": Trick(b"<victim@b.test>", hello=b"EHLO localhost"),
    "HELO of our literal": Trick(b"<victim@b.test>", hello=b"EHLO [127.0.0.1]"),
    "AUTH= of MAIL": Trick(b"<victim@b.test>", sender=b"<alice@a.test> AUTH=alice@a.test"),
    "AUTH without a password": Trick(b"<victim@b.test>", before=(b"AUTH PLAIN AGFsaWNlQGEudGVzdAA=",)),
    "AUTH with another's name": Trick(b"<victim@b.test>", before=(b"AUTH PLAIN eABhbGljZUBhLnRlc3QAc2VjcmV0",)),
    "AUTH EXTERNAL": Trick(b"<victim@b.test>", before=(b"AUTH EXTERNAL YWxpY2VAYS50ZXN0",)),
    "AUTH ANONYMOUS": Trick(b"<victim@b.test>", before=(b"AUTH ANONYMOUS eA==",)),
    "XCLIENT": Trick(b"<victim@b.test>", before=(b"XCLIENT ADDR=127.0.0.1 LOGIN=alice@a.test",)),
    "XFORWARD": Trick(b"<victim@b.test>", before=(b"XFORWARD ADDR=127.0.0.1 SOURCE=LOCAL",)),
    "ORCPT of ours": Trick(b"<victim@b.test> ORCPT=rfc822;alice@a.test"),
    "ORCPT elsewhere": Trick(b"<alice@a.test> ORCPT=rfc822;victim@b.test", ours=True),
    "NUL": Trick(b"<victim@b.test\0@a.test>"),
    "carriage return": Trick(b"<alice@a.test>\rRCPT TO:<victim@b.test>"),
    "line feed": Trick(b"<alice@a.test>\nRCPT TO:<victim@b.test>", ours=True),
    "tab": Trick(b"<victim@b.test\t@a.test>"),
    "a letter that looks like ours": Trick("<victim@а.test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "a wide letter, which is ours": Trick("<victim@ａ.test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "a wide dot, which is ours": Trick("<victim@a。test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "a wide at": Trick("<victim＠b.test@a.test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "a wide percent": Trick("<victim％b.test@a.test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "an invisible letter": Trick("<victim@a\u200b.test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "a name that looks like hers": Trick("<аlice@a.test>".encode(), sender=b"<x@c.test> SMTPUTF8"),
    "no UTF-8": Trick(b"<victim\xff@a.test>", sender=b"<x@c.test> SMTPUTF8"),
    "an A-label of ours with more": Trick(b"<victim@xn--a-ecp.test>"),
    "SRS of another": Trick(b"<SRS0=abcd=QX=b.test=victim@a.test>"),
    "SRS1 of another": Trick(b"<SRS1=abcd=b.test==efgh=QX=c.test=victim@a.test>"),
    "SRS in quotes": Trick(b'<"SRS0=abcd=QX=b.test=victim"@a.test>'),
    "PRVS": Trick(b"<prvs=1234abcdef=victim@b.test>"),
    "list address": Trick(b"<victim=b.test@a.test>"),
}
PROXIES = (
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x19",
)


class Talk:
    """Says lines, hears replies."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._sock.makefile("rb")

    def hear(self) -> bytes:
        """The last line of a reply; b"" when the server has closed."""
        while (line := self._file.readline())[3:4] == b"-":
            pass
        return line

    def say(self, line: bytes) -> bytes:
        self._sock.sendall(line + b"\r\n")
        return self.hear()

    def text(self, octets: bytes) -> bytes:
        self._sock.sendall(octets)
        return self.hear()

    def close(self) -> None:
        self._file.close()
        self._sock.close()


def attempt(port: int, trick: Trick, text: bytes = TEXT, *, lmtp: bool = False) -> bytes:
    """Play it to the end; the reply to RCPT, or to what was refused before."""
    talk = Talk(port)
    try:
        assert talk.hear().startswith(b"220")
        hello = b"LHLO evil.test" if lmtp else trick.hello
        assert talk.say(hello).startswith(b"250")
        for line in trick.before:
            if talk.say(line).startswith(b"334"):
                talk.say(b"*")
        if not (answer := talk.say(b"MAIL FROM:" + trick.sender)).startswith(b"250"):
            return answer
        reply = talk.say(b"RCPT TO:" + trick.recipient)
        if b"\n" in trick.recipient or b"\r" in trick.recipient:
            talk.say(b"NOOP")  # whatever it made of it
        if talk.say(b"DATA").startswith(b"354"):
            talk.text(text)
        return reply
    finally:
        talk.close()


Scene = Callable[[App], Awaitable[None]]


def play(folder: Path, scene: Scene) -> None:
    async def run() -> None:
        async with TestDnsServer({}) as dns:
            listening = ListenSettings(smtp=("127.0.0.1:0",), submission=("127.0.0.1:0",), lmtp=("127.0.0.1:0",))
            app = App(
                Config(
                    hostname="mail.a.test",
                    data=folder / "data",
                    listen=listening,
                    listener={"smtp": ListenerSettings(proxies=("192.0.2.0/24",))},
                    allow_plaintext_sign_in_on_loopback=True,
                    net=NetSettings(stop_timeout_seconds=2, close_timeout_seconds=1),
                    accounts=AccountSettings(hash_memory_kibibytes=8, hash_passes=1),
                    delivery=DeliverySettings(tls="never"),
                    dns=DnsSettings(nameservers=(dns.address,)),
                )
            )
            app.prepare()
            await app.start()
            try:
                await app.directory.add_domain("a.test")
                await app.directory.add_person(ALICE.decode(), SECRET)
                await app.queue.pause(["b.test", "c.test"])
                await scene(app)
            finally:
                await app.stop()

    asyncio.run(run())


async def relayed(app: App) -> list[str]:
    """What waits for other servers."""
    return [entry.recipient.address for entry in await app.queue.entries()]


@pytest.mark.parametrize("listener", ["smtp", "submission", "lmtp"])
def test_nothing_of_a_stranger_is_carried_elsewhere(tmp_path: Path, listener: str) -> None:
    async def scene(app: App) -> None:
        wrong = {}
        for name, trick in TRICKS.items():
            reply = await asyncio.to_thread(attempt, app.port(listener), trick, lmtp=listener == "lmtp")
            taken = reply.startswith(b"2")
            if (taken and (listener == "submission" or not trick.ours)) or await relayed(app):
                wrong[name] = (reply, await relayed(app))
                await app.queue.remove(["*"])
        assert wrong == {}

    play(tmp_path, scene)


@pytest.mark.parametrize("header", PROXIES, ids=["version 1", "version 2"])
def test_a_proxy_that_is_not_listed_speaks_for_nobody(tmp_path: Path, header: bytes) -> None:
    async def scene(app: App) -> None:
        def lie() -> list[bytes]:
            talk = Talk(app.port("smtp"))
            try:
                heard = [talk.text(header), talk.hear()]
                for line in (b"EHLO x", b"MAIL FROM:<alice@a.test>", b"RCPT TO:<victim@b.test>"):
                    try:
                        heard.append(talk.say(line))
                    except OSError:
                        break
                return heard
            finally:
                talk.close()

        heard = await asyncio.to_thread(lie)
        assert heard[0].startswith(b"220"), heard
        assert not any(line.startswith(b"250 2.1.5") for line in heard)
        assert await relayed(app) == []

    play(tmp_path, scene)


def test_the_same_commands_carry_the_mail_of_a_person(tmp_path: Path) -> None:
    """Or the tricks would be refused for another reason than whose they are."""

    async def scene(app: App) -> None:
        trick = Trick(
            b"<victim@b.test>", sender=b"<alice@a.test>", before=(b"AUTH PLAIN AGFsaWNlQGEudGVzdABzZWNyZXQ=",)
        )
        reply = await asyncio.to_thread(attempt, app.port("submission"), trick, TEXT.replace(b"x@c.test", ALICE))
        assert reply.startswith(b"250")
        assert await relayed(app) == ["victim@b.test"]

    play(tmp_path, scene)
