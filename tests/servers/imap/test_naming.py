"""The LIST response that tells a mailbox's name."""

from types import SimpleNamespace
from typing import cast

import pytest

from postroom.imap import encode
from postroom.servers.imap.naming import list_response
from postroom.servers.imap.places import Place
from postroom.servers.imap.session import Session
from postroom.store.api import Account, Mailbox


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
    place = Place(cast(Account, None), "a")
    assert list_response(session, place, mailbox, given) == line


def test_of_anothers_mailbox_only_the_name_is_told() -> None:
    session = cast(Session, SimpleNamespace(mailbox_name=encode.mailbox))
    mailbox = Mailbox(1, "a", 1, 1, 1, 0, 0, 0, 0, 0, "\\Sent", True)
    place = Place(cast(Account, None), "a", "bob@x.example", "#user/alice@x.example/")
    line = b'* LIST () "/" #user/alice@x.example/a\r\n'
    assert list_response(session, place, mailbox, "#user/alice@x.example/a") == line
