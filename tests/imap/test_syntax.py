"""The error of IMAP syntax."""

from postroom.base import ProtocolError
from postroom.imap import BadSyntax


def test_it_says_what_to_answer() -> None:
    error = BadSyntax("no", status=b"NO", code=b"CANNOT")
    assert isinstance(error, ProtocolError)
    assert (error.text, error.status, error.code) == ("no", b"NO", b"CANNOT")
    assert (BadSyntax("x").status, BadSyntax("x").code) == (b"BAD", b"")
