"""Random commands, sensible and not: each is answered once, none is a bug of ours."""

import asyncio
import re
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .room import message, open_room, run

SETS = ("1", "1:*", "*", "2:4,1", "9:12", "4294967295", "0", "3:1", "$", "1:2:3", "x")
NAMES = ("INBOX", "Archive", "nowhere", '""', "a/b", "a//b", '"%"', "*", "&AAA-", "&", "a/", "/a", '"a b"', "INBOX/x")
FLAGS = ("(\\Seen)", "(\\Deleted $k)", "()", "\\Flagged", "(\\Recent)", "(\\*)", "(x", "$a $b")
ITEMS = (
    "ALL",
    "FULL",
    "(FLAGS UID)",
    "BODY[]",
    "BODY.PEEK[1.2.3]",
    "BODY[1.MIME]",
    "BODY[1.HEADER]",
    "BODY[TEXT]<5.3>",
    "BODY[HEADER.FIELDS (A %d %s)]",
    "BODY[HEADER.FIELDS.NOT (SUBJECT)]<0.4>",
    "RFC822.TEXT",
    "BODY[]<99999.1>",
    "(BODY BODYSTRUCTURE ENVELOPE MODSEQ)",
    "BODY[0]",
    "NOTHING",
)
KEYS = (
    "ALL",
    "UNSEEN",
    "NEW",
    "TEXT hello",
    'BODY ""',
    "HEADER X Y",
    'HEADER "" ""',
    "LARGER 5",
    "SENTON 1-Jan-2020",
    "BEFORE 1-Jan-0001",
    "SINCE 31-Dec-9999",
    "UID 1:*",
    "5:9",
    "KEYWORD $k",
)

one_set, name, flags = st.sampled_from(SETS), st.sampled_from(NAMES), st.sampled_from(FLAGS)
uid = st.sampled_from(("", "UID "))
key = st.recursive(
    st.sampled_from(KEYS),
    lambda inner: st.one_of(
        inner.map("NOT {}".format),
        st.tuples(inner, inner).map(lambda pair: f"OR {pair[0]} {pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} {pair[1]})"),
    ),
    max_leaves=5,
)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


command = st.one_of(
    st.sampled_from(
        ("NOOP", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "CAPABILITY", "NAMESPACE", "ID NIL", "LOGIN a b")
    ),
    st.sampled_from(("STARTTLS", "ENABLE X", "AUTHENTICATE PLAIN", "UID", "", "FETCH", "UID NOOP", "IDLE x")),
    joined(
        st.sampled_from(("SELECT ", "SELECT ", "EXAMINE ", "CREATE ", "DELETE ", "SUBSCRIBE ", "UNSUBSCRIBE ")), name
    ),
    joined(st.just("SELECT "), st.just("INBOX")),
    joined(st.just("RENAME "), name, st.just(" "), name),
    joined(st.sampled_from(("LIST ", "LSUB ", "LIST (SUBSCRIBED) ", "LIST (SPECIAL-USE) ")), name, st.just(" "), name),
    joined(st.just("STATUS "), name, st.sampled_from((" (MESSAGES UNSEEN)", " (RECENT UIDNEXT UIDVALIDITY)", " ()"))),
    joined(uid, st.just("FETCH "), one_set, st.just(" "), st.sampled_from(ITEMS)),
    joined(uid, st.just("STORE "), one_set, st.sampled_from((" FLAGS ", " +FLAGS.SILENT ", " -FLAGS ")), flags),
    joined(uid, st.sampled_from(("COPY ", "MOVE ")), one_set, st.just(" "), name),
    joined(st.just("UID EXPUNGE "), one_set),
    joined(uid, st.just("SEARCH "), key),
    joined(st.just("APPEND "), name, st.sampled_from((" {3+}\r\nabc", " (\\Seen) {0+}\r\n", " {2+}\r\nabXX"))),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(command, min_size=10, max_size=40))
def test_every_command_is_answered_once(script: list[str]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_room(Path(folder), max_bad_commands=1000) as room:
                for number in range(3):
                    await room.deliver(message(f"s{number}"))
                client = await room.client("INBOX")
                octets = b"".join(b"x%d %b\r\n" % (n, line.encode()) for n, line in enumerate(script))
                client.send(octets.replace(b"AUTHENTICATE PLAIN\r\n", b"AUTHENTICATE PLAIN\r\n*\r\n") + b"z LOGOUT\r\n")
                async with asyncio.timeout(20):
                    answers = await client.eof()
                assert b"[SERVERBUG]" not in answers
                assert answers.endswith(b"z OK LOGOUT completed\r\n")
                for n, line in enumerate(script):
                    tagged = re.findall(rb"(?m)^x%d (?:OK|NO|BAD) " % n, answers)
                    assert len(tagged) == 1, line

    run(play())
