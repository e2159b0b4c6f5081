"""ENVELOPE."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.message.envelope import wire_envelope
from postroom.message.header import index_header


def _envelope(header: bytes, limit: int = 100) -> bytes:
    return wire_envelope(index_header(header), limit)


def test_the_example_of_the_rfc() -> None:
    """RFC 3501 §8."""
    header = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
        b"From: Terry Gray <gray@cac.washington.edu>\r\n"
        b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
        b"To: imap@cac.washington.edu\r\n"
        b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
        b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n"
    )
    terry = b'(("Terry Gray" NIL "gray" "cac.washington.edu"))'
    assert _envelope(header) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        + b" ".join([terry] * 3)
        + b' ((NIL NIL "imap" "cac.washington.edu"))'
        b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL'
        b' "<B27397-0100000@cac.washington.edu>")'
    )


def test_absent_and_empty_fields() -> None:
    assert _envelope(b"\r\n") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert _envelope(b"Subject:\r\nTo:\r\n\r\n") == b'(NIL "" NIL NIL NIL NIL NIL NIL NIL NIL)'


def test_sender_and_reply_to_of_their_own() -> None:
    wire = _envelope(b"From: a@b\r\nSender: c@d\r\nReply-To: e@f\r\n\r\n")
    assert wire.startswith(b'(NIL NIL ((NIL NIL "a" "b")) ((NIL NIL "c" "d")) ((NIL NIL "e" "f")) NIL')


def test_fields_that_come_twice() -> None:
    wire = _envelope(b"To: a@b\r\nTo: c@d\r\nSubject: one\r\nSubject: two\r\n\r\n")
    assert b'((NIL NIL "a" "b")(NIL NIL "c" "d"))' in wire
    assert b'"one"' in wire
    assert b'"two"' not in wire


def test_a_limit_on_addresses() -> None:
    assert _envelope(b"To: a@b, c@d\r\nTo: e@f, g@h\r\n\r\n", 3).count(b'(NIL NIL "') == 3


@given(st.binary())
def test_junk_never_raises(header: bytes) -> None:
    assert _envelope(header).startswith(b"(")
