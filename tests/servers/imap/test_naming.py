"""The LIST response that tells a mailbox's name."""

from types import SimpleNamespace
from typing import cast

import pytest

from postroom.imap import encode
from postroom.servers.imap.naming import list_response
from postroom.servers.imap.session import Session
from postroom.store.api import Mailbox


@pytest.mark.parametrize(
    ("given", "subscribed", "use", "line"),
    [
        ("a", True, None, b'* LIST (\\Subscribed) "/" a\r\n'),
        ("a", False, "\\Sent", b'* LIST (\\Sent) "/" a\r\n'),
        ("A", False, None, b'* LIST () "/" a ("OLDNAME" (A))\r\n'),
    ],
)
def test_list_response(given: str, subscribed: bool, use: str | None, line: bytes) -> None:
    session = cast(Session, SimpleNamespace(mailbox_name=encode.mailbox))
    mailbox = Mailbox(1, "a", 1, 1, 1, 0, 0, 0, 0, 0, use, subscribed)
    assert list_response(session, mailbox, "a", given) == line
