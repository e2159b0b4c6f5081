"""Refusals and their response codes."""

import pytest

from postroom.accounts.api import BadAddress, NotThere, SignInBusy
from postroom.base import MailError
from postroom.servers.imap.refusal import SERVER_BUG, Refused, answer_to, bad, no
from postroom.store.api import (
    BadMailboxName,
    MailboxExists,
    NoSuchAccount,
    NoSuchContent,
    NoSuchMailbox,
    NoSuchMessage,
    OverQuota,
    StoreFailure,
    TooManyKeywords,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoSuchMailbox, b"NONEXISTENT"),
        (MailboxExists, b"ALREADYEXISTS"),
        (BadMailboxName, b"CANNOT"),
        (OverQuota, b"OVERQUOTA"),
        (TooManyKeywords, b"LIMIT"),
        (StoreFailure, b"UNAVAILABLE"),
        (NoSuchContent, b"EXPUNGEISSUED"),
        (NoSuchMessage, b"EXPUNGEISSUED"),
        (NoSuchAccount, b"CONTACTADMIN"),
        (SignInBusy, b"UNAVAILABLE"),
        (NotThere, b"NONEXISTENT"),
        (BadAddress, b"CANNOT"),
    ],
)
def test_each_refusal_of_the_store_has_its_code(error: type[MailError], code: bytes) -> None:
    answer = answer_to(error("secret detail"))
    assert answer.startswith(b"NO [%b] " % code)
    assert b"secret" not in answer


def test_try_create() -> None:
    assert answer_to(NoSuchMailbox(), try_create=True).startswith(b"NO [TRYCREATE] ")
    assert answer_to(OverQuota(), try_create=True).startswith(b"NO [OVERQUOTA] ")


def test_a_refusal_nobody_planned_is_our_bug() -> None:
    assert answer_to(MailError("inside")) == SERVER_BUG


def test_no_and_bad() -> None:
    assert no(b"LIMIT", b"enough").answer == b"NO [LIMIT] enough"
    assert bad(b"what?").answer == b"BAD what?"
    assert isinstance(bad(b"x"), Refused)
