"""Changes to a header, in the order in which filters make them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.filters.header_edit import MAX_FIELD_OCTETS, BadHeaderChange, HeaderEdit, written
from postroom.filters.types import HeaderChange
from postroom.message import iter_fields

HEADER = b"From: a@b.c\r\nX-A: 1\r\nX-B: 2\r\n\tmore\r\nX-A: 3\r\n\r\n"


def edited(*changes: HeaderChange, header: bytes = HEADER) -> HeaderEdit:
    edit = HeaderEdit(header)
    edit.apply(changes)
    return edit


def test_nothing_changes_nothing() -> None:
    for header in (
        HEADER,
        b"",
        b"\r\n",
        b"no header at all\r\n",
        b"A: b",
        HEADER[:-2],
        b"A: 1\r\nodd line\r\nB: 2\r\n\r\n",
    ):
        assert HeaderEdit(header).octets() == header
        assert not HeaderEdit(header).rewritten


def test_additions_stand_above_and_leave_the_message_alone() -> None:
    edit = edited(
        HeaderChange("add", b"X-C", b" 4"), HeaderChange("insert", b"X-D", b" 5", 1), HeaderChange("add", b"X-E", b" 6")
    )
    assert not edit.rewritten
    assert edit.prefix == b"X-D: 5\r\nX-C: 4\r\nX-E: 6\r\n"
    assert edit.octets() == edit.prefix + HEADER


def test_a_place_in_the_middle_rewrites_the_header() -> None:
    edit = edited(HeaderChange("insert", b"X-C", b" 4", 3))
    assert edit.rewritten
    assert edit.prefix == b""
    assert edit.octets() == b"From: a@b.c\r\nX-A: 1\r\nX-C: 4\r\nX-B: 2\r\n\tmore\r\nX-A: 3\r\n\r\n"
    assert edited(HeaderChange("insert", b"X-C", b" 4", 99)).octets().endswith(b"X-A: 3\r\nX-C: 4\r\n\r\n")
    assert edited(HeaderChange("insert", b"X-C", b" 4", 99), header=b"A: b").octets() == b"A: b\r\nX-C: 4\r\n"


def test_fields_are_changed_and_removed_by_their_number() -> None:
    second = edited(HeaderChange("change", b"x-a", b" new", 2))
    assert second.octets() == HEADER.replace(b"X-A: 3", b"x-a: new")
    assert edited(HeaderChange("change", b"X-A", b"", 1)).octets() == HEADER.replace(b"X-A: 1\r\n", b"")
    assert edited(HeaderChange("change", b"X-A", b"", -1)).octets() == HEADER.replace(b"X-A: 3\r\n", b"")
    assert edited(HeaderChange("change", b"X-A", b"", 0)).octets() == b"From: a@b.c\r\nX-B: 2\r\n\tmore\r\n\r\n"
    assert edited(HeaderChange("change", b"X-A", b" one", 0)).octets().count(b"X-A") == 1


def test_what_is_not_there_is_added_or_stays_away() -> None:
    added = edited(HeaderChange("change", b"X-A", b" 9", 3))
    assert added.prefix == b"X-A: 9\r\n"
    gone = edited(HeaderChange("change", b"X-Z", b"", 1), HeaderChange("change", b"X-A", b"", -7))
    assert gone.octets() == HEADER
    assert not gone.rewritten


def test_what_a_filter_added_the_next_one_may_take_away() -> None:
    edit = edited(HeaderChange("add", b"X-C", b" 4"), HeaderChange("change", b"X-C", b"", 1))
    assert edit.octets() == HEADER
    assert not edit.rewritten
    changed = edited(HeaderChange("add", b"X-C", b" 4"), HeaderChange("change", b"X-C", b" 5", 1))
    assert changed.prefix == b"X-C: 5\r\n"


def test_a_copy_is_changed_for_itself() -> None:
    edit = edited(HeaderChange("add", b"X-C", b" 4"))
    other = edit.copy()
    other.apply([HeaderChange("change", b"X-C", b" 5", 1), HeaderChange("change", b"From", b"", 1)])
    assert edit.octets() == b"X-C: 4\r\n" + HEADER
    assert other.octets() == b"X-C: 5\r\n" + HEADER.partition(b"\r\n")[2]


def test_no_value_becomes_a_field_of_its_own_or_ends_the_header() -> None:
    assert written(b"X-C", b" a\r\nBcc: evil@b.c\r\n\r\nbody") == b"X-C: a\r\n\tBcc: evil@b.c\r\n\tbody\r\n"
    assert written(b"X-C", b" a\nb\r\r\nc\rd") == b"X-C: a\r\n\tb\r\n\tc\r\n\td\r\n"
    assert written(b"X-C", b"") == b"X-C:\r\n"
    assert written(b"X-C", b" a\n \n\t\n b") == b"X-C: a\r\n b\r\n"


@pytest.mark.parametrize("name", [b"", b"A B", b"A:", b"A\r\nB", "Grün".encode(), b"x" * 201])
def test_no_field_has_such_a_name(name: bytes) -> None:
    with pytest.raises(BadHeaderChange):
        written(name, b" 1")


def test_a_value_is_bounded() -> None:
    with pytest.raises(BadHeaderChange):
        written(b"X-C", b"x" * (MAX_FIELD_OCTETS + 1))
    with pytest.raises(BadHeaderChange):
        written(b"X-C", b"\0")
    long = written(b"X-C", b" " + b"word " * 400 + b"y" * 2500)
    assert all(len(line) <= 998 for line in long.split(b"\r\n"))


@given(st.binary(max_size=300), st.integers(-3, 9), st.sampled_from(["add", "insert", "change"]))
def test_whatever_is_written_is_one_field_more_or_none(value: bytes, number: int, do: str) -> None:
    edit = HeaderEdit(HEADER)
    try:
        edit.apply([HeaderChange(do, b"X-New", value, number)])  # type: ignore[arg-type]
    except BadHeaderChange:
        return
    octets = edit.octets()
    names = [field.name for field in iter_fields(octets)]
    assert [name for name in names if name != b"X-New"] == [b"From", b"X-A", b"X-B", b"X-A"]
    assert names.count(b"X-New") == (0 if do == "change" and not value else 1)
    assert octets.endswith(b"\r\n\r\n")
    assert octets.count(b"\r\n\r\n") == 1
