"""The table: what may follow each keyword."""

import pytest

from postroom.pop3.commands import COMMANDS, State


@pytest.mark.parametrize(
    ("keyword", "rest", "arguments"),
    [
        (b"NOOP", b"", ()),
        (b"NOOP", b" ", ()),
        (b"NOOP", b" x", None),
        (b"RETR", b" 12", (b"12",)),
        (b"RETR", b"", None),
        (b"RETR", b" 1x", None),
        (b"RETR", b" \xb2", None),
        (b"LIST", b"", (None,)),
        (b"LIST", b" 3 ", (b"3",)),
        (b"TOP", b" 1 0", (b"1", b"0")),
        (b"TOP", b" 1", None),
        (b"USER", b" a b", (b"a b",)),
        (b"PASS", b"  lead and trail ", (b" lead and trail ",)),
        (b"PASS", b"", None),
        (b"AUTH", b" PLAIN =", (b"PLAIN", b"=")),
        (b"AUTH", b" PLAIN *", None),
        (b"LANG", b" en-US", (b"en-US",)),
    ],
)
def test_arguments(keyword: bytes, rest: bytes, arguments: tuple[bytes | None, ...] | None) -> None:
    found = COMMANDS[keyword].arguments.fullmatch(rest)
    assert (found.groups() if found else None) == arguments


def test_states() -> None:
    both = State.AUTHORIZATION | State.TRANSACTION
    assert {key for key, command in COMMANDS.items() if command.states == both} == {b"CAPA", b"LANG", b"QUIT"}
    assert all(State.UPDATE not in command.states for command in COMMANDS.values())
    assert all(command.usage.startswith(key) for key, command in COMMANDS.items())
