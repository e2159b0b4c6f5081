"""How rights combine, and what each command needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import COMMANDS, State
from postroom.imap.acl import ALL_RIGHTS
from postroom.servers.imap.rights import (
    NEEDED,
    NEEDED_SELECTED,
    allows,
    effective,
    may_write,
    meets,
    permitted,
    right_for,
)

identifiers = st.sampled_from(("anyone", "-anyone", "bob@x", "-bob@x", "eve@x", "-eve@x", "bob", "Anyone", "-"))
lists = st.dictionaries(identifiers, st.text(alphabet=ALL_RIGHTS, max_size=6))


@given(lists, st.sampled_from(("bob@x", "eve@x")))
def test_all_that_is_given_less_all_that_is_taken(acl: dict[str, str], who: str) -> None:
    """RFC 4314 §2, right by right."""
    rights = effective(acl.items(), who)
    for right in ALL_RIGHTS:
        given_it = right in acl.get("anyone", "") + acl.get(who, "")
        taken = right in acl.get("-anyone", "") + acl.get("-" + who, "")
        assert (right in rights) == (given_it and not taken)


def test_an_empty_list_gives_nothing() -> None:
    assert effective((), "bob@x") == ""


def test_a_name_that_begins_like_a_negative_right_is_not_given_what_is_taken() -> None:
    """RFC 4314 §2: what begins with "-" takes away."""
    assert effective((("-bob@x", "lr"),), "-bob@x") == ""
    assert effective((("anyone", "lr"), ("--bob@x", "r")), "-bob@x") == "l"


def test_what_commands_need() -> None:
    """The table of RFC 4314 §4."""
    for command, rights in {
        b"LIST": "l",
        b"CREATE": "k",
        b"DELETE": "x",
        b"RENAME": "x",
        b"SELECT": "r",
        b"EXAMINE": "r",
        b"STATUS": "r",
        b"SETACL": "a",
        b"DELETEACL": "a",
        b"GETACL": "a",
        b"LISTRIGHTS": "a",
        b"APPEND": "i",
        b"COPY": "i",
    }.items():
        assert meets(rights, NEEDED[command])
        assert not meets("".join(set(ALL_RIGHTS) - set(rights)), NEEDED[command]), command
    for right in ALL_RIGHTS:
        assert meets(right, NEEDED[b"MYRIGHTS"]) == (right in "lrikxa")


def test_the_selected_mailbox() -> None:
    for prefix in (b"", b"UID "):
        assert allows("re", prefix + b"EXPUNGE")
        assert not allows("lrswipkxta", prefix + b"EXPUNGE")
        assert allows("te", prefix + b"MOVE")
        assert not allows("rt", prefix + b"MOVE")
        assert not allows("re", prefix + b"MOVE")
        assert allows("r", prefix + b"FETCH")
        assert allows("rt", prefix + b"STORE")
        assert not allows("lrei", prefix + b"STORE")


def test_the_tables_name_commands() -> None:
    later = {b"REPLACE", b"NOTIFY"}
    assert set(NEEDED) - later <= set(COMMANDS)
    assert set(NEEDED_SELECTED) - later <= {name for name, row in COMMANDS.items() if row.states is State.SELECTED}


@pytest.mark.parametrize("right", ALL_RIGHTS)
def test_read_write(right: str) -> None:
    """RFC 4314 §5.2: "i", "e" and the rights to shared flags."""
    assert may_write("lr" + right) == (right in "iestw")


def test_flags() -> None:
    flags = ("\\Seen", "\\Deleted", "\\Answered", "$Forwarded")
    assert permitted(flags, "lrs") == {"\\Seen"}
    assert permitted(flags, "t") == {"\\Deleted"}
    assert permitted(flags, "w") == {"\\Answered", "$Forwarded"}
    assert permitted(flags, ALL_RIGHTS) == set(flags)
    assert permitted(flags, "lripkxea") == set()
    assert [right_for(flag) for flag in flags] == ["s", "t", "w", "w"]
