"""NOTIFY (RFC 5465): which events in which mailboxes a client wants to hear of.

Owns: the command, its grammar (§8), which events go together (§5). Never: knows which mailboxes there are. Raises:
BadSyntax.
"""

import enum
from dataclasses import dataclass

from .fetch_parser import parse_item_list
from .mailbox_filter import OF_SELECTED, MailboxFilter, Scope, parse_filter
from .syntax import BadSyntax
from .table import SIGNED_IN, CommandInfo, Does
from .tokens import Cursor
from .types import Command, FetchItem


class NotifyEvent(enum.Enum):
    """The events that can be asked for; AnnotationChange is not among them: no message has annotations here."""

    MESSAGE_NEW = b"MessageNew"
    MESSAGE_EXPUNGE = b"MessageExpunge"
    FLAG_CHANGE = b"FlagChange"
    MAILBOX_NAME = b"MailboxName"
    SUBSCRIPTION_CHANGE = b"SubscriptionChange"
    MAILBOX_METADATA_CHANGE = b"MailboxMetadataChange"
    SERVER_METADATA_CHANGE = b"ServerMetadataChange"


_EVENTS = {event.value.upper(): event for event in NotifyEvent}
_COMING_AND_GOING = frozenset((NotifyEvent.MESSAGE_NEW, NotifyEvent.MESSAGE_EXPUNGE))
MESSAGE_EVENTS = _COMING_AND_GOING | {NotifyEvent.FLAG_CHANGE}
_BAD_EVENT = b"BADEVENT (%b)" % b" ".join(event.value for event in NotifyEvent)


@dataclass(frozen=True, slots=True)
class EventGroup:
    """event-group: these events in these mailboxes; none of them where there are none (NONE)."""

    mailboxes: MailboxFilter
    events: frozenset[NotifyEvent] = frozenset()
    items: tuple[FetchItem, ...] = ()  # of a new message in the selected mailbox


@dataclass(frozen=True, slots=True)
class Notify(Command):
    groups: tuple[EventGroup, ...] = ()  # none: NOTIFY NONE
    status: bool = False


def notify(cursor: Cursor) -> Notify:
    """NOTIFY SP (notify-set / notify-none)."""
    cursor.space()
    word = cursor.atom("Expected SET or NONE").upper()
    if word == b"NONE":
        cursor.end()
        return Notify()
    if word != b"SET":
        raise BadSyntax("Expected SET or NONE")
    cursor.space()
    status = False
    if cursor.next() != b"(":
        if cursor.atom("Expected STATUS or an event group").upper() != b"STATUS":
            raise BadSyntax("Expected STATUS or an event group")
        status = True
        cursor.space()
    groups = [_group(cursor)]
    while cursor.take(b" "):
        groups.append(_group(cursor))
        if len(groups) > cursor.settings.max_notify_groups:
            raise BadSyntax("Too many event groups", status=b"NO", code=b"NOTIFICATIONOVERFLOW")  # §3.1
    cursor.end()
    if sum(group.mailboxes.scope in OF_SELECTED for group in groups) > 1:
        raise BadSyntax("The selected mailbox can be named once")  # §6.1
    return Notify(tuple(groups), status)


def _group(cursor: Cursor) -> EventGroup:
    cursor.expect(b"(", "Expected an event group")
    mailboxes = parse_filter(cursor)
    if mailboxes.scope is Scope.SUBTREE_ONE:
        raise BadSyntax("Unknown mailbox filter")
    cursor.space()
    # The examples of §3.1 do without the parentheses that the grammar asks for
    enclosed = cursor.take(b"(")
    if not enclosed and cursor.data[cursor.at : cursor.at + 5].upper() == b"NONE)":
        cursor.at += 5
        return EventGroup(mailboxes)
    events: set[NotifyEvent] = set()
    items: tuple[FetchItem, ...] = ()
    while True:
        event = _event(cursor)
        events.add(event)
        if event is NotifyEvent.MESSAGE_NEW and cursor.data.startswith(b" (", cursor.at):
            cursor.at += 1
            items = parse_item_list(cursor)
        if not cursor.take(b" "):
            break
    if enclosed:
        cursor.expect(b")", "Invalid list of events")
    cursor.expect(b")", "Invalid event group")
    _check(mailboxes, events, items)
    return EventGroup(mailboxes, frozenset(events), items)


def _event(cursor: Cursor) -> NotifyEvent:
    event = _EVENTS.get(cursor.atom("Expected an event").upper())
    if event is None:  # §3.1: NO, with all that there are
        raise BadSyntax("Unsupported event", status=b"NO", code=_BAD_EVENT)
    return event


def _check(mailboxes: MailboxFilter, events: set[NotifyEvent], items: tuple[FetchItem, ...]) -> None:
    """Which events go together (§5)."""
    if mailboxes.scope in OF_SELECTED:
        if events - MESSAGE_EVENTS:
            raise BadSyntax("Only events of messages can be asked for there")  # §6.1
    elif items:
        raise BadSyntax("FETCH items are for the selected mailbox")  # §8
    if events & MESSAGE_EVENTS and not events >= _COMING_AND_GOING:
        raise BadSyntax("MessageNew and MessageExpunge go together, and with FlagChange")


ROWS = (CommandInfo(b"NOTIFY", notify, SIGNED_IN, Does.MAY_EXPUNGE),)
