"""Which fields h= stands for."""

from postroom.mailauth.dkim.canonical import Canonicalization
from postroom.mailauth.dkim.fields import HeaderFields

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED
HEADER = HeaderFields(
    b"Received: <A>\r\nReceived: <B>\r\nFrom: a@example.org\r\n\t(folded)\r\nReceived: <C>\r\nX\xff: 8-bit name\r\n"
    b"no field\r\nSubject : s\r\nTo:\r\n\r\n"
)


def test_several_instances_are_taken_from_the_bottom_up() -> None:
    """RFC 6376 §5.4.2, the example."""
    assert HEADER.choose([b"received", b"received"], SIMPLE) == b"Received: <C>\r\nReceived: <B>\r\n"


def test_fields_that_are_not_there_add_nothing() -> None:
    """RFC 6376 §3.5, h=: over-signing."""
    assert HEADER.choose([b"from", b"from", b"date", b"subject"], RELAXED) == (
        b"from:a@example.org (folded)\r\nsubject:s\r\n"
    )
    assert HEADER.choose([b"received"] * 9, RELAXED) == b"received:<C>\r\nreceived:<B>\r\nreceived:<A>\r\n"
    assert HEADER.choose([b""], RELAXED) == b""


def test_fields_by_name() -> None:
    assert HEADER.named(b"from") == [b"From: a@example.org\r\n\t(folded)"]
    assert HEADER.named(b"received") == [b"Received: <A>", b"Received: <B>", b"Received: <C>"]
    assert (HEADER.count(b"received"), HEADER.count(b"to"), HEADER.count(b"date")) == (3, 1, 0)
    assert HEADER.named(b"x\xff") == []
    assert HEADER.named(b"no field") == []


def test_a_bare_line_feed_ends_a_field_for_readers_so_here_too() -> None:
    header = HeaderFields(b"X: a\nFrom: second@example.org\r\nFrom: first@example.org\n\tfolded\r\n")
    assert header.count(b"from") == 2
    assert header.choose([b"from"], RELAXED) == b"from:first@example.org folded\r\n"
    assert header.choose([b"from"], SIMPLE) == b"From: first@example.org\n\tfolded\r\n"


def test_the_last_field_needs_no_line_end() -> None:
    assert HeaderFields(b"From: a").choose([b"from"], SIMPLE) == b"From: a\r\n"
    assert HeaderFields(b"").choose([b"from"], SIMPLE) == b""
