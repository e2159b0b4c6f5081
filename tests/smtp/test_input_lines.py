"""Lines out of octets that arrive in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp import SmtpSettings, replies
from postroom.smtp.input_lines import InputLines

LIMITS = SmtpSettings(max_command_octets=1200)


def fed(*pieces: bytes) -> InputLines:
    lines = InputLines(LIMITS)
    for piece in pieces:
        lines.feed(piece)
    return lines


def test_lines_and_octets_by_turns() -> None:
    lines = fed(b"ONE\r\nTW", b"O\r\n1234", b"5THREE\r\n")
    assert lines.next_line() == b"ONE"
    assert lines.next_line() == b"TWO"
    assert lines.take(5) == b"12345"
    assert lines.next_line() == b"THREE"
    assert lines.next_line() is None
    assert lines.pending == 0


def test_take_gives_what_there_is() -> None:
    lines = fed(b"abc")
    assert lines.take(0) == b""
    assert lines.take(2) == b"ab"
    assert lines.take(10) == b"c"
    assert lines.take() == b""


def test_clear_says_what_it_dropped() -> None:
    lines = fed(b"A\r\nbcd")
    lines.next_line()
    assert lines.clear() == 3
    assert lines.pending == 0


@pytest.mark.parametrize(
    ("octets", "in_auth", "expected"),
    [
        (b"NO\nOP\r\n", False, replies.BARE_LINE_END),
        (b"NO\nOP", False, replies.BARE_LINE_END),  # no need to wait for more
        (b"NO\rOP\r\n", False, replies.BARE_LINE_END),
        (b"NO\rOP", False, None),
        (b"NO\0OP\r\n", False, replies.BARE_LINE_END),
        (b"x" * 1198 + b"\r\n", False, b"x" * 1198),
        (b"x" * 1199 + b"\r\n", False, replies.LINE_TOO_LONG),
        (b"x" * 1199, False, replies.LINE_TOO_LONG),
        (b"x" * 1198 + b"\r", False, None),
        (b"x" * 1199, True, None),
        (b"auth " + b"x" * 1199, False, None),
        (b"x" * 12289, True, replies.AUTH_LINE_TOO_LONG),
    ],
)
def test_what_is_no_line(octets: bytes, in_auth: bool, expected: object) -> None:
    assert fed(octets).next_line(in_auth=in_auth) == expected


def test_the_rest_of_a_refused_line_is_dropped() -> None:
    lines = fed(b"NO\nOP and")
    assert lines.begins_with(b"NO")
    assert not lines.begins_with(b"BDAT")
    assert lines.skip_line() == (9, False)
    lines.feed(b" more\r")
    assert lines.skip_line() == (5, False)  # the CR may be half of the end
    lines.feed(b"\nNOOP\r\n")
    assert lines.skip_line() == (0, True)
    assert lines.next_line() == b"NOOP"


@given(st.lists(st.sampled_from([b"NOOP", b"\r", b"\n", b"\r\n", b"x" * 700, b"AUTH "]), max_size=12), st.data())
def test_any_splitting_gives_the_same_lines(words: list[bytes], data: st.DataObject) -> None:
    def lines_of(pieces: list[bytes]) -> list[object]:
        found: list[object] = []
        lines, skipping = InputLines(LIMITS), False
        for piece in pieces:
            lines.feed(piece)
            while True:
                if skipping:
                    skipping = not lines.skip_line()[1]
                    if skipping:
                        break
                line = lines.next_line()
                if line is None:
                    break
                found.append(line)
                skipping = not isinstance(line, bytes)
        return found

    said = b"".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=8)))
    pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
    assert lines_of(pieces) == lines_of([said])
