"""ESEARCH's grammar (RFC 7377)."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.mailbox_filter import MailboxFilter, Scope
from postroom.imap.multisearch import SELECTED_ONLY, MultiSearch, parse_multisearch
from postroom.imap.tokens import Cursor
from postroom.imap.types import HasFlag, Search, SearchReturn

UNSEEN = HasFlag("\\Seen", False)


def parse(raw: bytes) -> MultiSearch:
    return parse_multisearch(Cursor(raw, 0, ImapSettings()))


def test_the_example() -> None:
    """RFC 7377 §3; without result options it is ALL (§2.1)."""
    command = parse(b' IN (mailboxes "folder1" subtree "folder2") unseen')
    assert command.sources == (
        MailboxFilter(Scope.MAILBOXES, ("folder1",)),
        MailboxFilter(Scope.SUBTREE, ("folder2",)),
    )
    assert command.search == Search(UNSEEN, True, None, SearchReturn(all=True))
    assert not command.in_selected


def test_without_sources_it_is_the_selected_mailbox() -> None:
    command = parse(b" RETURN (MIN SAVE) CHARSET UTF-8 UNSEEN")
    assert command.sources == SELECTED_ONLY
    assert command.in_selected
    assert command.search == Search(UNSEEN, True, b"UTF-8", SearchReturn(min=True, save=True))


def test_equal_sources_are_one() -> None:
    assert len(parse(b" IN (personal selected personal) ALL").sources) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b" IN () ALL",
        b" IN (personal)",
        b" IN (personal) RETURN (ALL)",
        b" IN (selected-delayed) ALL",
        b" IN (nonsense) ALL",
        b" IN (personal (x)) ALL",
        b" IN (personal ) ALL",
        b" IN (personal) RETURN (SAVE) ALL",
        b" IN (selected personal) RETURN (SAVE) ALL",
        b" IN (personal) RETURN (RELEVANCY) ALL",
        b" IN (mailboxes (%b) subtree (%b)) ALL" % ((b" ".join(b"a%d" % n for n in range(600)),) * 2),
    ],
)
def test_what_is_none(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(raw)


def test_save_needs_the_selected_mailbox_alone() -> None:
    """RFC 7377 §2.2"""
    assert parse(b" IN (selected) RETURN (SAVE) ALL").search.returns == SearchReturn(save=True)
