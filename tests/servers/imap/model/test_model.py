"""Several sessions do random things at the same time; what each is told must always be explainable.

Clients of every kind (picture.py has their rules) send commands over real sockets, several in one write and several
clients at once, before anybody reads an answer; connections break in the middle. The ledger knows what was sent and
what was acknowledged. In the end all pictures must be the mailbox as a fresh session sees it, and the ledger must
explain it.

POSTROOM_SOAK=5000 plays that many random examples instead of the few fixed ones.
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.servers.imap.room import STORES, Room, message, open_room

from .ledger import FLAGS, Effect, Found, FoundMailbox, Ledger
from .moves import LEAVES, MODES, OPERATIONS, TOGETHER, Step, play
from .picture import FETCHED, FLAG_LIST, MODSEQ, SUBJECT, UID
from .player import Kind, Player

SOAK = int(os.environ.get("POSTROOM_SOAK", "0"))
# So that even small answers are given in pieces, between which others have their turn
SMALL: dict[str, Any] = {
    "fetch_batch_messages": 2,
    "fetch_batch_octets": 200,
    "output_piece_octets": 200,
    "list_batch_mailboxes": 1,
}
ENABLE = ("", "CONDSTORE", "QRESYNC", "QRESYNC", "UIDONLY", "IMAP4rev2", "QRESYNC IMAP4rev2", "QRESYNC UIDONLY")

kinds = st.lists(
    st.builds(
        Kind,
        st.sampled_from(ENABLE),
        st.sampled_from((False,) * 5 + (True,)),
        st.sampled_from((False, False, True)),
    ),
    min_size=2,
    max_size=4,
)


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Few kinds of things, often: what two of them do to each other comes out sooner than with everything at once."""
    operations = draw(st.lists(st.sampled_from(OPERATIONS), min_size=2, max_size=9))
    operations += draw(st.sampled_from(TOGETHER)) * 2
    operations.append("check")
    messages = draw(st.sampled_from((1, 3, 20)))
    step = st.builds(
        Step,
        st.integers(0, 3),
        st.sampled_from(operations),
        st.integers(0, messages),
        st.integers(0, 5),
        st.sampled_from(FLAGS),
        st.sampled_from(MODES),
        st.booleans(),
    )
    return draw(st.lists(step, min_size=25, max_size=80))


async def look(room: Room, ledger: Ledger) -> list[FoundMailbox]:
    """All mailboxes as a fresh session sees them."""
    client = await room.client()
    found: list[FoundMailbox] = []
    for line in await client.ok('LIST "" *'):
        if b"\\Noselect" in line:
            continue
        name = line.split()[-1].decode()
        said = b"\n".join(await client.ok(f"EXAMINE {name} (CONDSTORE)"))
        validity, highest = (
            int(re.findall(rb"\[%b (\d+)\]" % code, said)[-1]) for code in (b"UIDVALIDITY", b"HIGHESTMODSEQ")
        )
        mailbox = FoundMailbox(name, validity, highest)
        if b"* 0 EXISTS" not in said:
            for row in await client.ok("FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])"):
                if (items := FETCHED.match(row)) is not None:
                    mailbox.messages.append(_message(items[3]))
        found.append(mailbox)
    await client.close()
    return found


def _message(items: bytes) -> Found:
    uid, flags, modseq, subject = (p.search(items) for p in (UID, FLAG_LIST, MODSEQ, SUBJECT))
    assert uid
    assert flags
    assert modseq
    assert subject
    names = frozenset(flags[1].decode().split()) - {"\\Recent"}
    return Found(int(uid[1]), names, int(modseq[1]), subject[1].decode())


async def prepare(room: Room, ledger: Ledger) -> None:
    """Two more mailboxes, messages everywhere."""
    client = await room.client()
    for name, count in (("INBOX", 6), ("Box", 3), ("Other", 1)):
        if name != "INBOX":
            await client.ok(f"CREATE {name}")
        said = b"\n".join(await client.ok(f"STATUS {name} (UIDVALIDITY)"))
        validity = int(re.findall(rb"UIDVALIDITY (\d+)", said)[0])
        for _ in range(count):
            subject = ledger.new_subject()
            ledger.create([subject])
            uid = await room.deliver(message(subject), name)
            ledger.created([subject], validity, [uid])
            none, every = frozenset[str](), frozenset(FLAGS)
            ledger.effect(Effect(validity, frozenset((uid,)), none, every, ledger.tick(), ledger.tick(), sure=True))
    await client.close()


def rounds(script: list[Step]) -> list[list[Step]]:
    """Steps that go out together."""
    found: list[list[Step]] = []
    for step in script:
        if not found or not step.joins:
            found.append([])
        found[-1].append(step)
    return found


async def send(player: Player, some: list[Step]) -> None:
    for step in some:
        if player.client is None:
            break
        if step.what == "drop":
            await player.drop(step.span * 4 if step.at % 2 else 0)
            break
        play(player, step)
        if step.what in LEAVES:
            break


async def game(room: Room, players: list[Player], ledger: Ledger, script: list[Step]) -> None:
    for player in players:
        await player.ready()
        player.learn()
        await player.settle()
    for together in rounds(script):
        by_player: dict[int, list[Step]] = {}
        for step in together:
            by_player.setdefault(step.who % len(players), []).append(step)
        for who in by_player:
            await players[who].ready()
        for who, some in by_player.items():
            await send(players[who], some)
        await asyncio.gather(*(players[who].settle() for who in by_player))
        ledger.everything_read()
        if any(step.what == "check" for step in together):
            await check(room, players, ledger)


async def check(room: Room, players: list[Player], ledger: Ledger) -> None:
    """Nothing is under way: everything is told, and everybody sees the same."""
    async with asyncio.timeout(20):
        while room.connections > sum(player.client is not None for player in players):
            await asyncio.sleep(0)  # a broken connection's commands are yet under way
    mailboxes = await look(room, ledger)
    ledger.judge(mailboxes)
    for player in players:
        if player.client is None or player.picture is None:
            continue
        if player.idling is not None:
            await told_in_idle(player, mailboxes)
        else:
            player.send("NOOP")
            await player.settle()
            compare(player, mailboxes)


async def end(room: Room, players: list[Player], ledger: Ledger) -> None:
    """Who has lost the connection, or loses it now, gets exactly the difference."""
    await check(room, players, ledger)
    mailboxes = await look(room, ledger)
    for player in players:
        if player.client is not None and player.kind.has("QRESYNC") and len(player.log) % 2:
            await player.drop(0)
        player.done()
        await player.settle()
        await player.ready()
        if player.client is None:  # its mailbox was deleted
            await player.ready()
        player.learn()
        await player.settle()
        compare(player, mailboxes)
        assert player.picture is None or None not in player.picture.uids


def compare(player: Player, mailboxes: list[FoundMailbox]) -> None:
    """What a player sees, with what there is."""
    if (picture := player.picture) is not None:
        wrong = picture.unlike(the_one(mailboxes, player))
        assert not wrong, (player.kind, wrong)


def the_one(mailboxes: list[FoundMailbox], player: Player) -> FoundMailbox:
    """The mailbox that a player has selected, whatever it is called now."""
    assert player.picture is not None
    validity = player.picture.validity
    return next(mailbox for mailbox in mailboxes if mailbox.validity == validity)


async def told_in_idle(player: Player, mailboxes: list[FoundMailbox]) -> None:
    """RFC 2177: without asking."""
    try:
        async with asyncio.timeout(10):
            while player.picture is not None and player.picture.unlike(the_one(mailboxes, player)):
                await player.read()
    except (ConnectionError, EOFError, StopIteration):
        return  # its mailbox was deleted, which settling finds out
    except TimeoutError:
        assert player.picture is not None
        raise AssertionError(f"not told in IDLE: {player.picture.unlike(the_one(mailboxes, player))}") from None


async def whole(kind: str, undo_days: int, clients: list[Kind], script: list[Step], *, small: bool = False) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store: dict[str, Any] = {"undo_days": undo_days} | ({"max_idle_view_messages": 0} if small else {})
        async with open_room(Path(folder), kind, store_settings=store, **(SMALL if small else {})) as room:
            ledger = Ledger()
            await prepare(room, ledger)
            players = [Player(room, ledger, client) for client in clients]
            try:
                await game(room, players, ledger, script)
                await end(room, players, ledger)
            except AssertionError as error:
                for number, player in enumerate(players):
                    error.add_note(f"client {number} {player.kind}\n" + "\n".join(player.log))
                raise


@pytest.mark.parametrize(
    ("kind", "examples", "undo_days"),
    [(STORES[0], 60, 14), (STORES[1], 20, 14), (STORES[1], 10, 0), ("workers", 20, 14), ("workers", 10, 0)],
)
def test_every_view_is_explainable(kind: str, examples: int, undo_days: int) -> None:
    """undo_days 0: tombstones are purged at once, so that the history never reaches back. "workers": two, and every
    other session is one's."""

    @settings(
        phases=(Phase.generate,) if SOAK else (Phase.generate, Phase.shrink),
        max_examples=SOAK or examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not SOAK,
        database=None,
        print_blob=True,
    )
    @given(kinds, scripts(), st.booleans())
    def check(clients: list[Kind], script: list[Step], small: bool) -> None:
        async def limited() -> None:
            async with asyncio.timeout(60):
                await whole(kind, undo_days, clients, script, small=small)

        asyncio.run(limited())

    check()
