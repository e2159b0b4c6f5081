"""What SORT, THREAD and FETCH keep with a view gives the answers that working all out anew does.

Several sessions bring messages in, copy, flag and expunge them, and know of it sooner or later. Whatever one asks is
asked twice: with what is kept, and with the view's cache taken away.
"""

import random
from pathlib import Path

import pytest

from postroom.servers.imap import kept_orders, ordering
from postroom.store.api import View
from postroom.store.view_cache import ViewCache

from .room import Client, Room, both_stores, open_room, run

SUBJECTS = ("lunch", "Re: lunch", "dinner", "Fwd: dinner", "", "tea", "\u00c9t\u00e9", "_", "Zoo")
ASKED = (
    "SORT (SUBJECT) UTF-8 ALL",
    "SORT (REVERSE SUBJECT DATE) UTF-8 ALL",
    "SORT (REVERSE DATE) UTF-8 UNSEEN",
    "SORT (DISPLAYFROM REVERSE SIZE) UTF-8 ALL",
    "SORT (ARRIVAL) UTF-8 NOT FLAGGED",
    "SORT (CC TO REVERSE FROM) UTF-8 OR SEEN FLAGGED",
    "SORT RETURN (PARTIAL 2:5 COUNT) (REVERSE ARRIVAL SUBJECT) UTF-8 ALL",
    "SORT RETURN (MIN MAX SAVE) (SUBJECT) UTF-8 UNFLAGGED",
    "THREAD REFERENCES UTF-8 ALL",
    "THREAD REFERENCES UTF-8 UNFLAGGED",
    "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)] FLAGS)",
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE RFC822.SIZE)",
)


def mail(rnd: random.Random, number: int) -> bytes:
    lines = [f"Subject: {rnd.choice(SUBJECTS)}", f"From: {rnd.choice('abc')} <{rnd.choice('xyz')}@x.example>"]
    if rnd.random() < 0.8:
        lines.append(f"Date: Mon, 7 Feb 1994 21:52:{rnd.randrange(20):02} +0000")
    if rnd.random() < 0.8:
        lines.append(f"Message-ID: <{rnd.randrange(number + 1)}@x.example>")
    if rnd.random() < 0.6:
        named = [f"<{rnd.randrange(number + 3)}@x.example>" for _ in range(rnd.randint(1, 3))]
        lines.append(f"References: {' '.join(named)}")
    return "\r\n".join([*lines, "", "x" * rnd.randrange(9), ""]).encode()


class Player:
    """What some clients do at random."""

    def __init__(self, room: Room, clients: list[Client], view: View, rnd: random.Random) -> None:
        self.room, self.clients, self.view, self.rnd = room, clients, view, rnd
        self.delivered = 20

    async def change(self) -> None:
        """Something that the others get to know sooner or later."""
        rnd = self.rnd
        if not self.view.uids or rnd.random() < 0.4:
            for _ in range(rnd.choice((1, 1, 2, 5))):
                await self.room.deliver(mail(rnd, self.delivered), internal_date=rnd.randrange(9))
                self.delivered += 1
            return
        client, uids = rnd.choice(self.clients), list(self.view.uids)
        some = ",".join(map(str, rnd.sample(uids, min(len(uids), rnd.choice((1, 1, 2, 4))))))
        does = rnd.choice(("flag", "expunge", "expunge", "copy", "move"))
        if does == "flag":
            await client.command(f"UID STORE {some} {rnd.choice('+-')}FLAGS.SILENT ({rnd.choice(FLAGS)})")
        elif does == "copy":
            await client.command(f"UID COPY {some} INBOX")
        elif does == "move":  # and back, under new uids
            await client.command(f"UID MOVE {some} Junk")
            other = await self.room.client("Junk")
            await other.command("UID MOVE 1:* INBOX")
            await other.close()
        else:
            await client.command(f"UID STORE {some} +FLAGS.SILENT (\\Deleted)")
            await client.command(f"UID EXPUNGE {some}")

    async def ask(self) -> None:
        """The same question with and without what is kept, in the same state of the session."""
        client, command = self.rnd.choice(self.clients), self.rnd.choice(ASKED)
        uid = client is self.clients[-1] or self.rnd.random() < 0.5
        if uid or command.startswith("FETCH"):
            await client.ok("NOOP")
        else:
            await client.ok("SEARCH FLAGGED")  # tells of what is new, but of no expunge
        command = f"UID {command}" if uid else command
        kept = await client.command(command)
        cache, self.view.cache = self.view.cache, ViewCache()
        anew = await client.command(command)
        self.view.cache = cache
        assert kept.ok or not self.view.uids
        assert [without_tag(line) for line in kept.untagged] == [without_tag(line) for line in anew.untagged], command


FLAGS = ("\\Seen", "\\Flagged", "\\Answered")


def without_tag(line: bytes) -> bytes:
    return line.partition(b'")')[2] if line.startswith(b"* ESEARCH") else line


@both_stores
@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_is_what_would_be_worked_out(
    tmp_path: Path, kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed:  # always mended, and sorted in groups
        monkeypatch.setattr(kept_orders, "_MANY", 1)
        monkeypatch.setattr(ordering, "FACTS_AT_ONCE", 3)

    async def play() -> None:
        rnd = random.Random(seed)
        async with open_room(tmp_path, kind) as room:
            clients = [await room.client() for _ in range(3)]
            await clients[-1].ok("ENABLE UIDONLY")
            account = await room.store.open(1)
            view = await account.view((await account.mailbox("INBOX")).mailbox_id)
            for client in clients:
                await client.ok("SELECT INBOX")
            for number in range(20):
                await room.deliver(mail(rnd, number))
            player = Player(room, clients, view, rnd)
            for _ in range(40):
                for _ in range(rnd.randrange(3)):
                    await player.change()
                for _ in range(rnd.randrange(4)):
                    await player.ask()
            account.release(view)
            account.close()

    run(play())
