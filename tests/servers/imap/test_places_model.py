"""Bob does random things to Alice's mailboxes while she gives and takes rights: nothing is shown, and nothing changes,
but what her access control lists allow.

The lists are read by a rule of the test's own. What may be shown follows from the rights before the command; what has
changed is found by comparing all of her account, as the store has it, before and after.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.store.api import Account, Want

from .room import STORES, Client, Room, message, open_room, run

BOB, HERS = "bob@x.example", "#user/alice@x.example"
NAMES = ("INBOX", "A", "A/B", "A/B/C", "D", "D/E")
TOKEN = re.compile(rb"token-\d+")
LISTED = re.compile(rb'\* LIST \(([^)]*)\) "/" #user/alice@x.example/(\S+)')
RIGHT_OF = {"\\Seen": "s", "\\Deleted": "t"}

rights_sets = st.sampled_from(
    ("", "l", "lr", "lrs", "lrswite", "lrswipkxtea", "s", "st", "w", "ite", "r", "i", "li", "lk", "lx", "kx", "la", "e")
)
grants = st.tuples(
    st.just("grant"),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from((BOB, BOB, BOB, "anyone", "-" + BOB, "carol@x.example")),
    rights_sets,
)
COMMANDS = (
    "SELECT {name}",
    "SELECT {name}",
    "EXAMINE {name}",
    "STATUS {name} (MESSAGES UNSEEN)",
    "FETCH 1:* (FLAGS BODY.PEEK[HEADER])",
    "FETCH 1:* (BODY[HEADER])",
    "SEARCH SUBJECT token",
    "STORE 1:* FLAGS (\\Seen \\Answered)",
    "STORE 1:* +FLAGS (\\Deleted)",
    "UID STORE 1 +FLAGS (\\Deleted \\Flagged)",
    "STORE 1:* -FLAGS (\\Seen \\Deleted work)",
    "EXPUNGE",
    "UID EXPUNGE 1:2",
    "CLOSE",
    "NOOP",
    "COPY 1:* {name}",
    "UID COPY 1 {name}",
    "MOVE 1 {name}",
    "UID MOVE 1:* {name}",
    "CREATE {name}/New",
    "CREATE {name}",
    "DELETE {name}",
    "RENAME {name} {other}/Moved",
    "RENAME {name}/New {other}",
    'LIST "" "#user/*" RETURN (MYRIGHTS)',
    'LIST "#user/alice@x.example/" "%"',
    "GETACL {name}",
    "MYRIGHTS {name}",
    "SETACL {name} anyone +l",
    "DELETEACL {name} bob@x.example",
    "append {name}",
    "own",
)
steps = st.lists(
    grants
    | st.tuples(st.just("bob"), st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(COMMANDS), st.just(""))
    # Rights, SELECT, and something at once: what a long plan of single steps comes to too seldom
    | st.tuples(
        st.just("visit"), st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(COMMANDS), rights_sets
    ),
    min_size=10,
    max_size=40,
)


@dataclass
class Box:
    """One mailbox of Alice's, as it is."""

    name: str
    rights: frozenset[str]  # Bob's
    acl: tuple[tuple[str, str], ...]
    flags: dict[int, frozenset[str]]
    tokens: set[bytes]


def rights_of(acl: tuple[tuple[str, str], ...]) -> frozenset[str]:
    entries = dict(acl)
    plus = entries.get(BOB, "") + entries.get("anyone", "")
    minus = entries.get("-" + BOB, "") + entries.get("-anyone", "")
    return frozenset(plus) - frozenset(minus)


async def picture(account: Account) -> dict[int, Box]:
    boxes: dict[int, Box] = {}
    for mailbox in await account.mailboxes():
        view = await account.view(mailbox.mailbox_id)
        flags = {u: frozenset(view.flag_names(m)) for u, m in zip(view.uids, view.masks, strict=True)}
        stored = await account.read(list(view.content_ids), Want.HEADER)
        tokens = {found for one in stored for found in TOKEN.findall(one.header or b"")}
        boxes[mailbox.mailbox_id] = Box(mailbox.name, rights_of(mailbox.acl), mailbox.acl, flags, tokens)
        account.release(view)
    return boxes


def parent(name: str, boxes: dict[int, Box]) -> Box | None:
    """The nearest mailbox above."""
    names = {box.name: box for box in boxes.values()}
    while "/" in name:
        name = name.rpartition("/")[0]
        if name in names:
            return names[name]
    return None


def check_changes(before: dict[int, Box], after: dict[int, Box], command: str) -> None:
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            assert "x" in old.rights, (command, old)
            continue
        if new.acl != old.acl:
            assert "a" in old.rights, (command, old, new)
        if new.name != old.name and not any(  # RFC 4314 §4: what is below a renamed mailbox goes with it
            old.name.startswith(box.name + "/") and after[k].name != box.name for k, box in before.items() if k in after
        ):
            above = parent(new.name, before)
            assert "x" in old.rights, (command, old, new)
            assert above is not None, (command, new)
            assert "k" in above.rights, (command, old, new)
        for uid in old.flags.keys() - new.flags.keys():
            assert "e" in old.rights, (command, old)
            assert "\\Deleted" in old.flags[uid] or "t" in old.rights, (command, old)
        for uid in new.flags.keys() - old.flags.keys():
            assert "i" in old.rights, (command, old)
            assert {RIGHT_OF.get(flag, "w") for flag in new.flags[uid]} <= old.rights, (command, old, new)
        for uid in new.flags.keys() & old.flags.keys():
            changed = new.flags[uid] ^ old.flags[uid]
            assert {RIGHT_OF.get(flag, "w") for flag in changed} <= old.rights, (command, old, new)
    for key in after.keys() - before.keys():
        above = parent(after[key].name, before)
        assert above is not None, (command, after[key])
        assert "k" in above.rights, (command, after[key], above)


class Bob:
    """His client, which signs in again when it is thrown out; what he has selected."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.client: Client | None = None
        self.selected: str | None = None

    async def do(self, command: str, before: dict[int, Box]) -> None:
        if self.client is None:
            self.client = await self.room.client(name="bob")
        if command == "own":
            self.selected = None
            await self.client.ok("SELECT INBOX")
            return
        name = command.partition(" ")[2]
        tag = (
            self.client.start(b"APPEND %b (\\Seen \\Flagged) {14+}\r\nSubject: x\r\n\r\n" % name.encode())
            if command.startswith("append")
            else self.client.start(command)
        )
        lines: list[bytes] = []
        answer = b""
        while not answer:
            line = await self.client.response()
            if line.startswith(tag + b" "):
                answer = line[len(tag) + 1 :]
            elif line.startswith(b"* BYE"):
                answer = b"BYE"
            else:
                lines.append(line)
        assert not answer.startswith((b"BAD [", b"NO [SERVERBUG]")), (command, answer)
        self.check_shown(command, lines, answer, before)
        if answer == b"BYE":
            self.client, self.selected = None, None

    def check_shown(self, command: str, lines: list[bytes], answer: bytes, before: dict[int, Box]) -> None:
        readable = {token for box in before.values() if "r" in box.rights for token in box.tokens}
        shown = {token for line in lines for token in TOKEN.findall(line)}
        assert shown <= readable, (command, shown - readable)
        visible = {box.name for box in before.values() if "l" in box.rights}
        for line in lines:
            if (found := LISTED.match(line)) is not None:
                name = found[2].decode()
                level = b"\\Noselect" in found[1] or b"\\NonExistent" in found[1]
                assert any(one.startswith(name + "/") for one in visible) if level else name in visible, (command, line)
        verb, _, rest = command.partition(" ")
        target = next((box for box in before.values() if rest.split(" ")[0] == f"{HERS}/{box.name}"), None)
        if verb in ("SELECT", "EXAMINE", "STATUS", "GETACL", "MYRIGHTS", "DELETE", "append"):
            needed = {"GETACL": "a", "MYRIGHTS": "lrikxa", "DELETE": "x", "append": "i"}.get(verb, "r")
            allowed = target is not None and bool(set(needed) & target.rights)
            if target is None or (not allowed and "l" not in target.rights):  # RFC 4314 §6: the same answer
                assert answer.startswith((b"NO [NONEXISTENT]", b"NO [TRYCREATE]")), (command, answer, target)
            elif not allowed:
                assert answer.startswith(b"NO [NOPERM]"), (command, answer, target)
            elif target.name != "INBOX" or verb != "DELETE":
                assert answer.startswith(b"OK"), (command, answer, target)


@pytest.mark.parametrize("kind", STORES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=steps)
def test_nothing_but_what_the_lists_allow(kind: str, plan: list[tuple[str, str, str, str, str]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_room(Path(folder), kind) as room:
                alice, bob = await room.client(), Bob(room)
                for number, name in enumerate(NAMES):
                    if name != "INBOX":
                        await alice.ok(f"CREATE {name}")
                    flags = frozenset(("\\Deleted", "work")[: number % 3])
                    await room.deliver(message(f"token-{number}"), name, flags=flags)
                    await room.deliver(message(f"token-{number + 100}"), name)
                account = await room.store.open(1)
                try:
                    for who, name, other, what, rights in plan:
                        if who == "grant":
                            await alice.command(f'SETACL {name} {what} "{rights}"')
                            continue
                        commands = [what.format(name=f"{HERS}/{name}", other=f"{HERS}/{other}")]
                        if who == "visit":
                            await alice.command(f'SETACL {other} {BOB} "r{rights}"')
                            commands.insert(0, f"SELECT {HERS}/{other}")
                        for command in commands:
                            before = await picture(account)
                            await bob.do(command, before)
                            check_changes(before, await picture(account), command)
                finally:
                    account.close()

    run(play())
