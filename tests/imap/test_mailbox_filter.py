"""filter-mailboxes: its grammar, and which names it covers."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.mailbox_filter import MailboxFilter, Scope, covers, parse_filter
from postroom.imap.tokens import Cursor


def parse(raw: bytes, settings: ImapSettings | None = None) -> MailboxFilter:
    cursor = Cursor(raw, 0, settings or ImapSettings())
    found = parse_filter(cursor)
    cursor.end()
    return found


@pytest.mark.parametrize("word", [b"selected", b"SELECTED-DELAYED", b"Inboxes", b"personal", b"subscribed"])
def test_words_alone(word: bytes) -> None:
    assert parse(word) == MailboxFilter(Scope(word.upper()))


@pytest.mark.parametrize("word", [b"subtree", b"Subtree-One", b"MAILBOXES"])
def test_words_with_one_or_more_mailboxes(word: bytes) -> None:
    assert parse(word + b" inbox") == MailboxFilter(Scope(word.upper()), ("INBOX",))
    assert parse(word + b' (a "b c" inbox a)') == MailboxFilter(Scope(word.upper()), ("a", "b c", "INBOX"))


@pytest.mark.parametrize(
    "raw",
    [b"", b"everything", b"subtree", b"subtree ()", b"mailboxes (a", b"mailboxes (a  b)", b"personal x", b"(personal)"],
)
def test_what_is_none(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(raw)


def test_names_are_counted() -> None:
    few = ImapSettings(max_filter_mailboxes=2)
    assert parse(b"mailboxes (a b)", few).mailboxes == ("a", "b")
    with pytest.raises(BadSyntax):
        parse(b"mailboxes (a b c)", few)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        (b"personal", "a a/b a/b/c ab"),
        (b"inboxes", "a a/b a/b/c ab"),
        (b"subscribed", "a/b"),
        (b"mailboxes (a ab x)", "a ab"),
        (b"subtree a", "a a/b a/b/c"),
        (b"subtree a/b", "a/b a/b/c"),
        (b"subtree-one a", "a a/b"),
        (b'mailboxes "*"', ""),
        (b"selected", ""),
    ],
)
def test_what_is_covered(raw: bytes, names: str) -> None:
    one = parse(raw)
    assert [name for name in ("a", "a/b", "a/b/c", "ab") if covers(one, name, {"a/b"})] == names.split()
