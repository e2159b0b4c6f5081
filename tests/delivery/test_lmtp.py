"""Mail for another program's socket: one answer a recipient, tried again, refused, in a line of its own."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.delivery.world import World, play

from postroom.delivery import DeliverySettings
from postroom.queue import EntryState, Envelope, Recipient


class LmtpPeer:
    """Another program. `script` has its replies by "RCPT <address>" and "END <address>", used up in order."""

    def __init__(self, script: dict[str, list[bytes]] | None = None, greeting: bytes = b"220 app") -> None:
        self._script = {key: deque(replies) for key, replies in (script or {}).items()}
        self._greeting = greeting
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.taken: list[tuple[str, str, bytes]] = []
        self.silent_at = ""  # a verb that is never answered
        self.sessions = 0
        self.commands: list[str] = []

    async def start(self, path: Path | None = None) -> str:
        """The place where it listens."""
        if path is not None:
            self._server = await asyncio.start_unix_server(self._serve, path)
            return f"lmtp:{path}"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"lmtp:127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def hang_up(self) -> None:
        for writer in self._open:
            writer.close()

    async def stop(self) -> None:
        self.hang_up()
        if self._server is not None:
            self._server.close()

    def _say(self, key: str, usual: bytes) -> bytes:
        replies = self._script.get(key)
        return replies.popleft() if replies else usual

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        self._open.add(writer)
        writer.write(self._greeting + b"\r\n")
        sender, accepted = "", list[str]()
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := (await reader.readline()).decode().rstrip("\r\n"):
                self.commands.append(line)
                verb, _, rest = line.partition(" ")
                if verb == self.silent_at:
                    await reader.read()
                    break
                replies = [b"250 ok"]
                if verb == "LHLO":
                    replies = [b"250-app", b"250-PIPELINING", b"250 8BITMIME"]
                elif verb == "MAIL":
                    sender, accepted = rest, []
                elif verb == "RCPT":
                    replies = [self._say(line, b"250 ok")]
                    if replies[0].startswith(b"2"):
                        accepted.append(rest.removeprefix("TO:").strip("<>"))
                elif verb == "DATA":
                    writer.write(b"354 go on\r\n")
                    content = await reader.readuntil(b"\r\n.\r\n")
                    if self.silent_at == "END":
                        await reader.read()
                        break
                    replies = [self._say(f"END {address}", b"250 kept") for address in accepted]
                    for address, reply in zip(accepted, replies, strict=True):
                        if reply.startswith(b"2"):
                            self.taken.append((sender, address, content[:-3]))
                writer.write(b"".join(reply + b"\r\n" for reply in replies))
                if verb == "QUIT":
                    break
        self._open.discard(writer)
        writer.close()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name fits into a socket's address."""
    with TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def with_peer(peer: LmtpPeer, scene: Callable[[World, str], Awaitable[None]], path: Path | None = None) -> None:
    async def run(world: World) -> None:
        place = await peer.start(path)
        try:
            await scene(world, place)
        finally:
            await peer.stop()

    play(run)


@pytest.mark.parametrize("unix", [True, False])
def test_each_recipient_has_an_answer_of_its_own(short: Path, unix: bool) -> None:
    peer = LmtpPeer({"END b@a.test": [b"452 4.2.2 full"], "END c@a.test": [b"550 5.1.1 nobody"]})

    async def scene(world: World, place: str) -> None:
        await world.put(*(Recipient(f"{name}@a.test", way=place) for name in "abc"))
        assert await world.deliverer.deliver_due_now() == 3
        assert peer.commands[0] == "LHLO mail.a.test"
        assert [(sender.split()[0], address) for sender, address, _ in peer.taken] == [
            ("FROM:<alice@a.test>", "a@a.test")
        ]
        assert peer.taken[0][2].endswith(b"Hello.\r\n..dot\r\n")  # stuffed on the wire
        (left,) = await world.entries()
        assert (left.recipient.address, left.state, left.attempts) == ("b@a.test", EntryState.WAITING, 1)
        assert "452 4.2.2 full" in left.last_reply
        assert place in left.last_reply
        (report,) = world.mailboxes.reports
        assert "rfc822; c@a.test" in report
        assert "550 5.1.1 nobody" in report
        await world.clock.advance(400)
        await world.deliverer.deliver_due_now()
        assert [address for _, address, _ in peer.taken] == ["a@a.test", "b@a.test"]
        assert await world.entries() == []

    with_peer(peer, scene, short / "app.sock" if unix else None)


def test_what_the_program_can_not_take_is_returned_and_not_tried_for_ever(short: Path) -> None:
    peer = LmtpPeer()

    async def scene(world: World, place: str) -> None:
        envelope = Envelope("alice@a.test", smtputf8=True)
        await world.put(Recipient("a@a.test", way=place), content="Subject: ä\r\n\r\nx\r\n".encode(), envelope=envelope)
        await world.deliverer.deliver_due_now()
        assert await world.entries() == []
        assert peer.taken == []
        assert "Status: 5.6.9" in world.mailboxes.reports[0]
        await world.put(Recipient("a@a.test", way=place))
        await world.deliverer.deliver_due_now()
        assert (len(peer.taken), peer.sessions) == (1, 1)

    with_peer(peer, scene, short / "app.sock")


def test_one_connection_serves_many_and_a_dead_one_costs_nothing(short: Path) -> None:
    peer = LmtpPeer()

    async def scene(world: World, place: str) -> None:
        for _ in range(3):
            await world.put(Recipient("a@a.test", way=place))
            await world.deliverer.deliver_due_now()
        assert peer.sessions == 1
        peer.hang_up()
        await world.put(Recipient("a@a.test", way=place))
        await world.deliverer.deliver_due_now()
        assert (len(peer.taken), peer.sessions) == (4, 2)

    with_peer(peer, scene, short / "app.sock")


def test_a_destination_of_its_own_that_waits_while_nobody_listens(short: Path) -> None:
    peer = LmtpPeer()
    place = f"lmtp:{short}/App.sock"

    async def scene(world: World) -> None:
        await world.put(Recipient("a@a.test", way=place), "b@a.test")
        await world.deliverer.deliver_due_now()
        assert [mail.recipients for _, mail in world.mailboxes.delivered] == [["b@a.test"]]
        (left,) = await world.entries()
        assert "no such file" in left.last_reply
        (summary,) = await world.queue.summaries()
        assert (summary.name, summary.waiting) == (place.lower(), 1)
        await peer.start(short / "App.sock")
        await world.queue.retry_now(["all"], world.clock.now())
        await world.deliverer.deliver_due_now()
        await peer.stop()
        assert len(peer.taken) == 1

    play(scene)


def test_too_many_recipients_at_once_go_in_the_next_transaction() -> None:
    peer = LmtpPeer({"RCPT TO:<b@a.test>": [b"452 4.5.3 enough"]})

    async def scene(world: World, place: str) -> None:
        await world.put(*(Recipient(f"{name}@a.test", way=place) for name in "ab"))
        await world.deliverer.deliver_due_now()
        assert [address for _, address, _ in peer.taken] == ["a@a.test", "b@a.test"]

    with_peer(peer, scene)


def test_a_program_that_is_lost_after_the_message_leaves_it_in_doubt() -> None:
    """Bug: the journal said so of servers only."""
    peer = LmtpPeer()
    peer.silent_at = "END"

    async def scene(world: World, place: str) -> None:
        world.settings = DeliverySettings(max_transaction_seconds=0.1)
        await world.put(*(Recipient(f"{name}@a.test", way=place) for name in "ab"))
        async with asyncio.timeout(10):
            await world.deliverer.deliver_due_now()
        assert len(await world.entries()) == 2
        assert world.steps.of("in doubt") == [{"to": ["a@a.test", "b@a.test"], "relay": place}]

    with_peer(peer, scene)


def test_a_program_that_never_answers_holds_no_connection_for_ever() -> None:
    peer = LmtpPeer()
    peer.silent_at = "RCPT"

    async def scene(world: World, place: str) -> None:
        world.settings = DeliverySettings(max_transaction_seconds=0.1)
        await world.put(Recipient("a@a.test", way=place))
        async with asyncio.timeout(10):
            await world.deliverer.deliver_due_now()
        (left,) = await world.entries()
        assert "was not done with the message after 0 seconds" in left.last_reply

    with_peer(peer, scene)


def test_a_name_is_looked_up_and_one_that_greets_badly_is_tried_again() -> None:
    peer = LmtpPeer(greeting=b"554 not now")

    async def scene(world: World, place: str) -> None:
        port = place.rpartition(":")[2]
        world.resolver.a_records["app.test"] = ["127.0.0.1"]
        await world.put(
            Recipient("a@a.test", way=f"lmtp:app.test:{port}"), Recipient("b@a.test", way=f"lmtp:nobody.test:{port}")
        )
        await world.deliverer.deliver_due_now()
        first, second = await world.entries()
        assert "554 not now" in first.last_reply
        assert "has no address" in second.last_reply

    with_peer(peer, scene)


def test_an_operator_sends_it_elsewhere() -> None:
    peer = LmtpPeer()

    async def scene(world: World, place: str) -> None:
        await world.put(Recipient("a@a.test", way="lmtp:/nowhere/app.sock"))
        await world.queue.move(["all"], place, world.clock.now())
        await world.deliverer.deliver_due_now()
        assert [address for _, address, _ in peer.taken] == ["a@a.test"]

    with_peer(peer, scene)
