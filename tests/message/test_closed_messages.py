"""message/global for readers that do not know it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message import Scanner, close_global
from postroom.message.imap_wire import OPEN_GLOBAL

INNER = 'Subject: Grüße {3}\r\nFrom: "a\\\\b" <ä@x.example>\r\n\r\ntext\r\n'
MIXED = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def structures(message: str) -> tuple[bytes, bytes]:
    scanner = Scanner()
    scanner.feed(message.encode())
    facts = scanner.finish()
    return facts.body, facts.body_structure


def with_global(inner: str = INNER) -> str:
    return MIXED + f"--b\r\n\r\nfirst\r\n--b\r\nContent-Type: Message/Global\r\n\r\n{inner}\r\n--b--\r\n"


def test_a_message_inside_is_taken_out() -> None:
    body, structure = structures(with_global())
    size = len(INNER.encode())
    assert close_global(body).endswith(b'("message" "global" NIL NIL NIL "7bit" %d) "mixed")' % size)
    assert b'("message" "global" NIL NIL NIL "7bit" %d NIL NIL NIL NIL) "mixed"' % size in close_global(structure)
    assert b"first" not in close_global(structure)
    assert close_global(structure).startswith(b'(("text" "plain" ')


def test_one_within_another_goes_with_it() -> None:
    inner = "Content-Type: message/global\r\n\r\n" + INNER
    body, _ = structures("Content-Type: message/global\r\n\r\n" + inner)
    assert body.count(OPEN_GLOBAL) == 2
    assert close_global(body) == b'("message" "global" NIL NIL NIL "7bit" %d)' % len(inner.encode())


def test_within_a_message_rfc822() -> None:
    inner = "Subject: x\r\n" + with_global()
    body, _ = structures("Content-Type: message/rfc822\r\n\r\n" + inner)
    closed = close_global(body)
    assert closed.startswith(b'("message" "rfc822" NIL NIL NIL "7bit" ')
    assert b'("x" NIL' not in closed
    assert b'"x" NIL' in closed  # the envelope of the message/rfc822 is still there
    assert closed.count(b"{") == 0  # that of the message/global is not


@pytest.mark.parametrize(
    "message",
    [
        "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n",
        "Content-Type: text/plain; message=global; a=b; c=d; e=f; g=h\r\n\r\n",
        'Content-Type: text/plain; charset="(\\"message\\" \\"global\\" "\r\n\r\n',
        'Content-Description: ä ("message" "global" NIL NIL NIL "7bit" 1 () () 1\r\n\r\n',
    ],
)
def test_nothing_else_is_touched(message: str) -> None:
    assert tuple(map(close_global, structures(message))) == structures(message)


@given(st.lists(st.sampled_from([OPEN_GLOBAL, b"(", b")", b" ", b'"', b"{3}\r\n", b"NIL", b"\\", b"7"]), max_size=30))
def test_what_is_no_structure_raises_nothing(pieces: list[bytes]) -> None:
    close_global(b"".join(pieces))
