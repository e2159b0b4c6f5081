"""NOTIFY's grammar; RFC 5465's own examples are in tests/transcripts."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.mailbox_filter import MailboxFilter, Scope
from postroom.imap.notify import EventGroup, Notify, NotifyEvent, notify
from postroom.imap.tokens import Cursor
from postroom.imap.types import Item, Section

NEW, GONE, FLAGS = NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE, NotifyEvent.FLAG_CHANGE


def parsed(raw: bytes) -> Notify:
    return notify(Cursor(raw, 0, ImapSettings(max_notify_groups=4)))


def test_none_and_set() -> None:
    assert parsed(b" none") == Notify()
    assert parsed(b" SET (selected NONE)") == Notify((EventGroup(MailboxFilter(Scope.SELECTED)),))
    assert parsed(
        b" set STATUS (mailboxes (a INBOX) (FlagChange messageNEW MessageExpunge)) (personal none)"
    ) == Notify(
        (
            EventGroup(MailboxFilter(Scope.MAILBOXES, ("a", "INBOX")), frozenset((NEW, GONE, FLAGS))),
            EventGroup(MailboxFilter(Scope.PERSONAL)),
        ),
        status=True,
    )


def test_what_a_new_message_is_told_with() -> None:
    command = parsed(b" SET (selected-delayed (MessageNew (UID BODY.PEEK[TEXT]<0.5>) MessageExpunge))")
    [group] = command.groups
    uid, section = group.items
    assert uid is Item.UID
    assert isinstance(section, Section)
    assert section.partial == (0, 5)


def test_without_the_parentheses_of_the_grammar() -> None:
    """RFC 5465 §3.1's own examples."""
    with_them = b" SET (selected (MessageNew (UID) MessageExpunge)) (subtree (Lists) (MailboxName))"
    assert parsed(b" SET (selected MessageNew (UID) MessageExpunge) (subtree Lists MailboxName)") == parsed(with_them)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b" ON",
        b" NONE now",
        b" SET",
        b" SET STATUS",
        b" SET NOW (personal NONE)",
        b" SET personal NONE",
        b" SET ()",
        b" SET (nowhere NONE)",
        b" SET (personal)",
        b" SET (personal ())",
        b" SET (personal (MailboxName)",
        b" SET (personal (MailboxName MailboxName) ) ",
        b" SET (personal (NONE))",
        b" SET (subtree NONE)",
        b" SET (subtree-one a (MailboxName))",  # RFC 7377 §2.2: ESEARCH only
        b" SET (personal (MessageNew))",  # RFC 5465 §5
        b" SET (personal (MessageExpunge))",
        b" SET (personal (FlagChange))",
        b" SET (personal (MessageNew FlagChange))",
        b" SET (personal (MessageNew (UID) MessageExpunge))",  # §8: only of the selected mailbox
        b" SET (selected (MailboxName))",  # §6.1
        b" SET (selected (MessageNew MessageExpunge SubscriptionChange))",
        b" SET (selected NONE) (selected-delayed NONE)",
        b" SET (selected (MessageNew () MessageExpunge))",
        b" SET (selected (MessageNew (FAST) MessageExpunge))",
        b" SET (selected (MessageNew (UID MessageExpunge))",
    ],
)
def test_mistakes(raw: bytes) -> None:
    with pytest.raises(BadSyntax) as caught:
        parsed(raw)
    assert caught.value.status == b"NO" if b"(NONE)" in raw else b"BAD"


@pytest.mark.parametrize("event", [b"AnnotationChange", b"MessageRead"])
def test_events_there_are_not(event: bytes) -> None:
    """RFC 5465 §3.1: NO, not BAD, and which there are."""
    with pytest.raises(BadSyntax) as caught:
        parsed(b" SET (selected (MessageNew MessageExpunge %b))" % event)
    assert caught.value.status == b"NO"
    assert caught.value.code == (
        b"BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange"
        b" ServerMetadataChange)"
    )


def test_too_many_groups() -> None:
    with pytest.raises(BadSyntax) as caught:
        parsed(b" SET" + b" (personal (MailboxName))" * 5)
    assert (caught.value.status, caught.value.code) == (b"NO", b"NOTIFICATIONOVERFLOW")
