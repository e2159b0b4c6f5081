"""The walk: Alice sends, Bob reads; and what happens when mail can't be delivered, must wait, or is not ours.

Owns: the story and its checks; every step checks what it shows. Never: starts the servers (world.py does).
Raises: DemoFailure.
"""

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from postroom.base import MailError
from postroom.net import ConnectFailed, TlsFailed

from .clients import WAIT_SECONDS, Client, DemoFailure, ImapClient, Pop3Client, SmtpClient, connect
from .transcript import RELAY_NOTES, Transcript
from .world import ALICE, BOB, FULL, PASSWORD, World

T = TypeVar("T")
C = TypeVar("C", SmtpClient, Pop3Client, ImapClient)

MESSAGE = """From: Alice <alice@alice.test>
To: Bob <bob@bob.test>
Subject: {subject}

Hi Bob!
.this line begins with a dot and arrives that way
Alice"""


class Walk:
    """Plays the steps in order; `failures` counts those that did not go as they must."""

    def __init__(self, world: World, write: Callable[[str], None]) -> None:
        self._world = world
        self._write = write
        self.failures = 0
        self._open: list[Client] = []

    async def play(self) -> None:
        """All steps. A failed step is shown and the rest goes on where it can."""
        start = time.perf_counter()
        tablet = await self._step("Bob's tablet waits for news (IMAP IDLE)", self._tablet_waits())
        await self._step("Alice's laptop submits on 587 with STARTTLS and AUTH", self._submit(BOB, "Hello from Alice"))
        await self._step(
            "Alice's server looks up the MX and relays to Bob's server on 25", self._relayed("Hello from Alice")
        )
        if tablet is not None:
            await self._step("Bob's tablet sees the new message at once", self._tablet_sees(*tablet, "EXISTS"))
        await self._step("Bob's desktop takes it by POP3S and leaves it on the server", self._desktop())
        await self._step("Bob's phone: ten steps over IMAPS", self._phone())
        if tablet is not None:
            await self._step("Bob's tablet sees that it was read", self._tablet_sees(*tablet, r"\Seen"))
            await self._step("Bob's tablet goes to sleep", self._tablet_sleeps(*tablet))
        await self._step("A letter to nobody@bob.test comes back as a bounce", self._bounce())
        await self._step("A full mailbox: 452, kept in the queue, delivered when there is room", self._retry())
        await self._step("A stranger tries to relay through Bob's server", self._relay_denied())
        for client in self._open:
            await client.close()
        verdict = "all steps went as they must" if not self.failures else f"{self.failures} steps FAILED"
        self._write(f"\n{verdict}, {time.perf_counter() - start:.2f} s\n")

    async def _step(self, title: str, work: Coroutine[Any, Any, T]) -> T | None:
        self._write(f"\n== {title}")
        start = time.perf_counter()
        try:
            async with asyncio.timeout(2 * WAIT_SECONDS):
                result = await work
        except (DemoFailure, MailError, OSError, ConnectFailed, TlsFailed, TimeoutError) as error:
            self.failures += 1
            self._write(f"   FAILED: {type(error).__name__} {error}")
            return None
        self._write(f"   ({(time.perf_counter() - start) * 1000:.0f} ms)")
        return result

    async def _client(self, kind: type[C], server: str, listener: str, *, implicit_tls: bool = False) -> C:
        tls = self._world.trust(server) if implicit_tls else None
        port = self._world.port(server, listener)
        client = await connect(kind, port, Transcript(self._write), tls, f"mail.{server}")
        self._open.append(client)
        return client

    # ---- Alice's side

    async def _submit(self, recipient: str, subject: str) -> None:
        client = await self._client(SmtpClient, "alice.test", "submission")
        message = MESSAGE.format(subject=subject)
        await client.submit(ALICE, PASSWORD, [recipient], message, self._world.trust("alice.test"))
        await client.close()

    async def _relayed(self, subject: str) -> None:
        await self._until(lambda: self._world.delivered_to(BOB, subject), f"{subject!r} in Bob's INBOX")
        await self._until(self._world.relay_finished, "the end of the relay dialogue")
        for query in self._world.dns_queries():
            self._write(f"    DNS: {query}")
        transcript = Transcript(self._write, notes=RELAY_NOTES)
        self._world.show_relay(transcript)
        expect(transcript, "C: STARTTLS", "C: MAIL FROM:<alice@alice.test>", "C: RCPT TO:<bob@bob.test>", "S: 354")

    async def _bounce(self) -> None:
        self._world.forget_relay()
        client = await self._client(SmtpClient, "alice.test", "submission")
        trust = self._world.trust("alice.test")
        await client.submit(ALICE, PASSWORD, ["nobody@bob.test"], MESSAGE.format(subject="Anybody there?"), trust)
        await self._until(
            lambda: self._world.delivered_to(ALICE, "could not be delivered"), "a bounce in Alice's INBOX"
        )
        transcript = Transcript(self._write, notes=RELAY_NOTES)
        self._write("   -- what Bob's server said to Alice's server")
        self._world.show_relay(transcript)
        expect(transcript, "S: 550 5.1.1")
        self._write("   -- what Alice finds in her INBOX (RFC 3464)")
        laptop = await self._client(ImapClient, "alice.test", "imaps", implicit_tls=True)
        await laptop.line()
        await laptop.command(f'LOGIN {ALICE} "{PASSWORD}"')
        await laptop.command("SELECT INBOX")
        lines = await laptop.command("FETCH 1 (BODY.PEEK[2])", "the part for programs (RFC 3464, RFC 6522)")
        if not any(line.lower() == "status: 5.1.1" for line in lines):
            raise DemoFailure("the report has no Status: 5.1.1")
        await laptop.command("LOGOUT")

    async def _retry(self) -> None:
        self._world.forget_relay()
        await self._world.fill_mailbox(FULL)
        client = await self._client(SmtpClient, "alice.test", "submission")
        trust = self._world.trust("alice.test")
        await client.submit(ALICE, PASSWORD, [FULL], MESSAGE.format(subject="Is there room?"), trust)
        await self._until(self._world.waiting_reply, "a deferred entry in Alice's queue")
        self._write(f"   -- Alice's queue says: {await self._world.waiting_reply()}  (RFC 5321 §4.5.4)")
        await self._world.make_room(FULL)
        self._write("   -- room is made; the queue tries again")
        await self._until(lambda: self._world.delivered_to(FULL, "Is there room?"), "the message after the retry")
        transcript = Transcript(self._write, notes=RELAY_NOTES)
        self._world.show_relay(transcript)
        expect(transcript, "S: 452 4.2.2", "S: 250 2.0.0")

    async def _relay_denied(self) -> None:
        client = await self._client(SmtpClient, "bob.test", "smtp")
        await client.reply("220")
        await client.command("EHLO spammer.example", "250")
        await client.command("MAIL FROM:<spammer@spam.example>", "250", note="anyone may say anything here")
        refused = await client.command(
            "RCPT TO:<victim@elsewhere.example>",
            "550",
            "554",
            note="neither ours nor signed in (RFC 5321 §3.6.2)",
        )
        self._write(f"   -- {refused}")
        await client.command("QUIT", "221")

    # ---- Bob's side

    async def _tablet_waits(self) -> tuple[ImapClient, str]:
        tablet = await self._client(ImapClient, "bob.test", "imaps", implicit_tls=True)
        await tablet.line()
        await tablet.command(f'LOGIN {BOB} "{PASSWORD}"', "inside TLS from the first octet (RFC 8314)")
        await tablet.command("EXAMINE INBOX", "read-only: takes no \\Recent from others (RFC 3501 §6.3.2)")
        tag = await tablet.idle("tell me when something happens (RFC 2177)")
        tablet.transcript.hold()
        return tablet, tag

    async def _tablet_sees(self, tablet: ImapClient, tag: str, what: str) -> None:
        await tablet.until(lambda line: what in line)
        tablet.transcript.release(f"pushed, nobody asked: {tag} is still open (RFC 2177)")
        tablet.transcript.hold()

    async def _tablet_sleeps(self, tablet: ImapClient, tag: str) -> None:
        tablet.transcript.release("")
        await tablet.done(tag)
        await tablet.command("LOGOUT")

    async def _desktop(self) -> None:
        desktop = await self._client(Pop3Client, "bob.test", "pop3s", implicit_tls=True)
        await desktop.line()
        await desktop.command(f"USER {BOB}", "Authorization state (RFC 1939 §4)")
        await desktop.command(f"PASS {PASSWORD}", "from here on the mailbox is locked for other POP3 sessions")
        await desktop.command("STAT", "Transaction state: how many, how big (RFC 1939 §5)")
        first = await desktop.multiline("UIDL", "names that never change: which do I have already? (RFC 1939 §7)")
        text = await desktop.multiline("RETR 1", "the whole message (RFC 1939 §5)")
        if ".this line begins with a dot and arrives that way" not in text:
            raise DemoFailure("the line with the dot did not arrive as it was sent")
        if not any(line.lower().startswith("received:") for line in text) or not text[0].startswith("Return-Path:"):
            raise DemoFailure("Return-Path and Received are missing")
        await desktop.command("QUIT", "no DELE before: everything stays on the server (RFC 1939 §6)")
        if len(first) != 1:
            raise DemoFailure(f"expected one UIDL line, got {len(first)}")

    async def _phone(self) -> None:
        phone = await self._client(ImapClient, "bob.test", "imaps", implicit_tls=True)
        phone.note("1-3: TCP, TLS, greeting (RFC 3501 §7.1.1)")
        await phone.line()
        await phone.command(f'LOGIN {BOB} "{PASSWORD}"', "4: (RFC 3501 §6.2.3)")
        await phone.command("SELECT INBOX", "5: how many, how many new (RFC 3501 §6.3.1)")
        lines = await phone.command("UID FETCH 1:* (FLAGS)", "6: which do I know, which are new? (RFC 3501 §6.4.8)")
        new = [line for line in lines if r"\Recent" in line and r"\Seen" not in line]
        if not new:
            raise DemoFailure("no message is new")
        uid = re.search(r"UID (\d+)", new[-1])
        if uid is None:
            raise DemoFailure("FETCH without UID")
        self._write(f"   -- 7: UID {uid[1]} is \\Recent: new")
        header = await phone.command(
            f"UID FETCH {uid[1]} (BODY.PEEK[HEADER])", "8: PEEK does not mark it read (§6.4.5)"
        )
        if "Subject: Hello from Alice" not in header:
            raise DemoFailure("the header has no Subject")
        passed = {verdict for line in header for verdict in re.findall(r"\b(?:spf|dkim|dmarc)=pass\b", line)}
        if "Authentication-Results: mail.bob.test;" not in header or len(passed) != 3:
            raise DemoFailure(f"Bob's server has not found SPF, DKIM and DMARC good, only {sorted(passed)}")
        self._write("   -- Bob's server has checked that it is Alice's: SPF, DKIM and DMARC pass (RFC 8601)")
        self._write("   -- 9: the list shows the subject; 10: Bob taps on it")
        body = await phone.command(f"UID FETCH {uid[1]} (BODY[TEXT])", "10: the body; no PEEK: marks it read (§6.4.5)")
        if "Hi Bob!" not in body:
            raise DemoFailure("the body is not Alice's")
        seen = await phone.command(f"UID STORE {uid[1]} +FLAGS (\\Seen)", "11: read (§6.4.6); 12: others hear of it")
        if not any(r"\Seen" in line for line in seen):
            raise DemoFailure("STORE did not report the flag")
        tag = await phone.idle("13: from now on the server will push (RFC 2177)")
        await phone.done(tag)
        await phone.command("LOGOUT", "(RFC 3501 §6.1.3)")

    async def _until(self, condition: Callable[[], Coroutine[Any, Any, object]], what: str) -> None:
        for _ in range(int(WAIT_SECONDS * 50)):
            if await condition():
                return
            await asyncio.sleep(0.02)
        raise DemoFailure(f"waited {WAIT_SECONDS:g} s for {what}")


def expect(transcript: Transcript, *beginnings: str) -> None:
    """Some line of the dialogue must begin with each of them. Raises DemoFailure."""
    for beginning in beginnings:
        if not any(line.startswith(beginning) for line in transcript.lines):
            raise DemoFailure(f"the dialogue has no line that begins {beginning}")
