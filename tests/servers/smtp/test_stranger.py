"""Clients that nobody knows, over real sockets: manners, greylisting, points, from the addresses that a proxy names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.intake.strangers import Notes
from tests.reputation.lobby import CLEAN, DYNAMIC, LISTED, NAMELESS, Lobby, Zones, lobby

from postroom.accounts import MemoryDirectory
from postroom.base import FakeClock, SeededIds, SystemClock
from postroom.intake import Authentication, AuthenticationSettings, Intake, IntakeSettings, ScoringSettings
from postroom.message import MessageSettings
from postroom.net import Listener, NetSettings, Networks
from postroom.queue import MemoryQueue, QueueSettings
from postroom.servers.smtp import LMTP, RELAY, SUBMISSION, Policy, SmtpService
from postroom.signin import SignIn
from postroom.smtp import SmtpSettings
from postroom.store import MemoryStore, StoreSettings

from .room import FAST_HASHES, PASSWORD, Client, Room

POLICIES = {
    "smtp": RELAY,
    "unchecked": Policy("unchecked", checks_senders=False),
    "either": Policy("either", signs_in=True),
    "submission": SUBMISSION,
    "lmtp": LMTP,
}
AUTH = "AUTH PLAIN AGJvYkBmb28udGVzdAAxMjM0"  # bob@foo.test
LETTER = "From: a@bar.test\r\nTo: bob@foo.test\r\nSubject: x\r\n\r\nHello"


@dataclass
class Port25(Room):
    """The room with a lobby before it."""

    lobby: Lobby = None  # type: ignore[assignment]
    notes: Notes = None  # type: ignore[assignment]

    @asynccontextmanager
    async def client(
        self, address: str, name: str = "smtp", *, first: bytes = b"", hello: str = "EHLO mx.bar.test"
    ) -> AsyncIterator[Client]:
        """From that address; `first` is sent before the greeting."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port(name))
        writer.write(f"PROXY TCP4 {address} 192.0.2.250 4321 25\r\n".encode() + first)
        made = Client(reader, writer)
        try:
            assert (await made.lines())[0].startswith("220 mail.foo.test ")
            if hello:
                await made.say(hello)
            yield made
        finally:
            writer.close()
            await writer.wait_closed()

    async def mail(self, address: str, *to: str, sender: str = "a@bar.test", name: str = "smtp") -> str:
        """A whole message from there; the last reply."""
        async with self.client(address, name) as peer:
            return await peer.mail(*(to or ("bob@foo.test",)), sender=sender, text=LETTER)

    def scored(self) -> list[str]:
        """The names of the parts of the last message's score."""
        return [part.split()[1].rstrip(":") for part in self.notes.last("scored")["parts"]]


@asynccontextmanager
async def port25(folder: Path, zones: Zones | None = None, **settings: Any) -> AsyncIterator[Port25]:
    clock, ids = SystemClock(), SeededIds()
    directory = MemoryDirectory(FAST_HASHES, clock, ids)
    store = MemoryStore(folder / "mail", StoreSettings(), MessageSettings(), clock, ids)
    queue = MemoryQueue(QueueSettings(), clock, ids)
    await directory.add_domain("foo.test")
    for name in ("bob", "jones"):
        person = await directory.add_person(f"{name}@foo.test", PASSWORD)
        await store.create_account(person.account_id)
    notes = Notes()
    async with lobby(folder, zones, **settings) as made:
        checks = AuthenticationSettings(trusted_networks=(), broken_from="tag")
        authentication = Authentication(made.strangers.resolver, clock, checks, hostname="mail.foo.test")
        intake = Intake(
            hostname="mail.foo.test",
            directory=directory,
            store=store,
            queue=queue,
            clock=clock,
            ids=ids,
            settings=IntakeSettings(),
            journal=notes,
            authentication=authentication,
            scoring=ScoringSettings(tag_points=2, junk_points=5, reject_points=9, defer_points=0, dmarc_pass_points=0),
        )
        room = Port25(directory, store, queue, intake, lobby=made, notes=notes)
        for name, policy in POLICIES.items():
            smtp = SmtpService(
                policy,
                hostname="mail.foo.test",
                intake=intake,
                directory=directory,
                settings=SmtpSettings(allow_plaintext_auth_on_loopback=True),
                sign_in=SignIn(directory, clock, ids),
                strangers=made.strangers,
            )
            net = NetSettings(sweep_interval_seconds=0.01)
            listener = Listener(name, smtp, net, proxies=Networks(["127.0.0.0/8"]))
            listener.bind(["127.0.0.1:0"])
            await listener.start()
            room.listeners[name] = listener
        try:
            yield room
        finally:
            for listener in room.listeners.values():
                await listener.stop()
            await authentication.close()
            await directory.close()
            await queue.close()
            await store.close()


def run(folder: Path, body: Callable[[Port25], Awaitable[None]], zones: Zones | None = None, **settings: Any) -> None:
    async def go() -> None:
        async with port25(folder, zones, **settings) as room:
            async with asyncio.timeout(30):
                await body(room)

    asyncio.run(go())


def test_a_clean_client_is_taken_at_once_and_becomes_known(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        for _ in range(5):
            assert (await room.mail(CLEAN)).startswith("250")
        found = room.lobby.strangers.remembered("192.0.2.0/24")
        assert found is not None
        assert (found.good, found.junk) == (5, 0)
        vouched = room.lobby.strangers.remembered("bar.test")
        assert vouched is not None
        assert vouched.good == 5
        (*_, last) = await room.messages("bob@foo.test")
        assert b"Postroom-Score" not in last
        assert room.notes.last("scored")["points"] == "0.5"  # of the first one

    run(tmp_path, body)


def test_one_with_points_comes_again_over_hours(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        async with room.client(NAMELESS) as peer:
            replies = await peer.say(
                "MAIL FROM:<x@other.test>", "RCPT TO:<bob@foo.test>", "RCPT TO:<no@foo.test>", "RSET"
            )
            assert [reply[:9] for reply in replies] == ["250 2.1.0", "450 4.7.1", "550 5.1.1", "250 2.0.0"]
        noted = room.notes.last("turned away")
        assert (noted["client"], noted["from"], noted["to"]) == (NAMELESS, "x@other.test", "bob@foo.test")
        assert (noted["points"], noted["reply"][:9], len(noted["parts"])) == ("2.0", "450 4.7.1", 2)
        await room.lobby.clock.advance(3600)
        assert (await room.mail(NAMELESS, sender="x@other.test")).startswith("250")
        assert room.scored() == ["name.none", "history.none"]
        (message,) = await room.messages("bob@foo.test")
        assert b"Postroom-Score: tag; points=2.0;\r\n\t+1.5 name.none: the reverse DNS has no name for" in message

    run(tmp_path, body)


def test_a_listed_client_s_mail_is_junk_and_with_worse_manners_refused(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        assert (await room.mail(LISTED)).startswith("250")
        (message,) = await room.messages("bob@foo.test", "Junk")
        assert b"Postroom-Quarantine: 8.0 points of 5: +6.0 list.black: 198.51.100.66 is on bl.test" in message
        async with room.client(LISTED, first=b"EHLO x.bar.test\r\n", hello="") as peer:
            assert (await peer.lines())[-1].startswith("250")
            assert (await peer.mail("bob@foo.test", text=LETTER)).startswith("550 5.7.1 The message looks like junk")
            assert "manners.before_greeting" in room.scored()
        found = room.lobby.strangers.remembered("198.51.100.0/24")
        assert found is not None
        assert (found.good, found.junk) == (0, 2)

    run(tmp_path, body, greylist=False)


def test_a_client_that_is_too_bad_is_refused_before_its_message(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        async with room.client(LISTED) as peer:
            replies = await peer.say(
                "MAIL FROM:<a@bar.test>", "RCPT TO:<bob@foo.test>", "RCPT TO:<postmaster@foo.test>"
            )
            assert [reply[:9] for reply in replies] == ["250 2.1.0", "550 5.7.1", "250 2.1.5"]

    run(tmp_path, body, refuse_points=7)


def test_octets_before_the_greeting_are_read_as_commands_behind_it(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        async with room.client(CLEAN, first=b"EHLO mx.bar.test\r\n", hello="") as peer:
            assert (await peer.lines())[-1].startswith("250")
            await peer.mail("bob@foo.test", text=LETTER)
        assert room.scored()[0] == "manners.before_greeting"

    run(tmp_path, body, greeting_delay_seconds=0.2, greylist=False)


def test_a_client_that_is_gone_before_the_greeting(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", room.port("smtp"))
        writer.write(f"PROXY TCP4 {CLEAN} 192.0.2.250 4321 25\r\n".encode())
        writer.write_eof()
        assert (await reader.read()).startswith(b"220 ")
        writer.close()
        assert room.lobby.strangers.delayed == 0

    run(tmp_path, body, greeting_delay_seconds=30)


def test_who_talks_over_the_answers_to_ehlo_and_data(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        async with room.client(CLEAN, hello="") as peer:
            lines = ("MAIL FROM:<a@bar.test>", "RCPT TO:<bob@foo.test>")
            await peer.send("EHLO mx.bar.test", *lines)
            assert [await peer.code() for _ in range(3)] == [250, 250, 250]
            await peer.send("DATA", LETTER, ".")
            assert [await peer.code() for _ in range(2)] == [354, 250]
        assert room.scored() == ["manners.before_data", "manners.before_hello", "history.none"]
        async with room.client(CLEAN) as peer:  # what pipelining allows is no bad manners (RFC 2920 §3.1)
            await peer.send("MAIL FROM:<a@bar.test>", "RCPT TO:<bob@foo.test>", "DATA")
            assert [await peer.code() for _ in range(3)] == [250, 250, 354]
            await peer.send(LETTER, ".", "MAIL FROM:<a@bar.test>", "RCPT TO:<bob@foo.test>", "BDAT 6 LAST", "x: y")
            assert [await peer.code() for _ in range(4)] == [250, 250, 250, 250]
        assert room.scored() == ["manners.before_data", "manners.before_hello", "history.none"]  # none since

    run(tmp_path, body, greylist=False)


def test_who_has_signed_in_or_is_trusted_is_not_looked_at(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        for name in ("unchecked",):
            assert (await room.mail(LISTED, name=name)).startswith("250")
        async with room.client(LISTED, "lmtp", hello="LHLO x") as peer:
            assert (await peer.mail("bob@foo.test", text=LETTER)).startswith("250")
        async with room.client("192.0.2.200", hello="EHLO none.test") as peer:
            assert (await peer.mail("bob@foo.test", text=LETTER)).startswith("250")
        assert room.lobby.dns.questions[:1] == [] or all("bl.test" not in one[2] for one in room.lobby.dns.questions)

    run(tmp_path, body, refuse_points=1, trusted_networks=("192.0.2.200",))


def test_somebody_who_signs_in_at_a_listener_for_both(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", room.port("either"))
        writer.write(b"PROXY TCP4 127.0.0.1 192.0.2.250 4321 25\r\n")
        peer = Client(reader, writer)
        await peer.lines()
        await peer.say("EHLO laptop")
        assert (await peer.say(AUTH))[0].startswith("235")
        assert (await peer.mail("jones@foo.test", sender="bob@foo.test", text=LETTER)).startswith(("250", "550 5.7.1"))
        writer.close()
        assert room.lobby.dns.questions == []

    run(tmp_path, body)


def test_a_dns_that_is_dead_holds_no_session_up_and_gives_no_points(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        room.lobby.dns.silent |= set(room.lobby.dns.zones) | {"7.100.51.198.in-addr.arpa", "7.100.51.198.bl.test"}
        assert (await room.mail(NAMELESS)).startswith("250")
        assert room.scored() == ["history.none"]

    run(tmp_path, body, max_dns_seconds=0.1)


def test_a_message_may_have_to_come_again_for_what_is_in_it(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        room.intake.scoring = ScoringSettings(defer_points=0.5)
        assert (await room.mail(CLEAN)).startswith("450 4.7.1 Greylisted")
        assert room.notes.last("scored")["action"] == "defer"
        assert room.lobby.strangers.remembered("192.0.2.0/24") is None
        await room.lobby.clock.advance(120)
        assert (await room.mail(CLEAN)).startswith("250")

    run(tmp_path, body)


def test_the_first_time_costs_a_while_the_second_nothing(tmp_path: Path) -> None:
    async def body(room: Port25) -> None:
        clock = room.lobby.clock
        assert isinstance(clock, FakeClock)
        sending = asyncio.create_task(room.mail(DYNAMIC))
        while not room.lobby.strangers.delayed:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert not sending.done()
        await clock.advance(3)
        assert (await sending).startswith("250")

    run(tmp_path, body, first_time_delay_seconds=3, greylist=False)
