"""Which mailboxes a command is about, without a list of their names: shared by ESEARCH and NOTIFY.

Owns: filter-mailboxes as a value, its grammar (RFC 5465 §6, §8; RFC 7377 §2.2, §4), which names a filter covers. Never:
knows which mailboxes there are. Raises: BadSyntax.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass

from .syntax import BadSyntax
from .tokens import Cursor


class Scope(enum.Enum):
    """The words of filter-mailboxes."""

    SELECTED = b"SELECTED"
    SELECTED_DELAYED = b"SELECTED-DELAYED"  # NOTIFY only (RFC 7377 §2.2)
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    SUBTREE_ONE = b"SUBTREE-ONE"  # ESEARCH only (RFC 7377 §2.2)
    MAILBOXES = b"MAILBOXES"


_SCOPES = {scope.value: scope for scope in Scope}
WITH_NAMES = (Scope.SUBTREE, Scope.SUBTREE_ONE, Scope.MAILBOXES)
OF_SELECTED = (Scope.SELECTED, Scope.SELECTED_DELAYED)


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """One filter-mailboxes."""

    scope: Scope
    mailboxes: tuple[str, ...] = ()  # of SUBTREE, SUBTREE-ONE and MAILBOXES


def parse_filter(cursor: Cursor) -> MailboxFilter:
    """filter-mailboxes (RFC 5465 §8), every word of it; what a command does not take, it refuses itself."""
    scope = _SCOPES.get(cursor.atom("Expected a mailbox filter").upper())
    if scope is None:
        raise BadSyntax("Unknown mailbox filter")
    if scope not in WITH_NAMES:
        return MailboxFilter(scope)
    cursor.space()
    if not cursor.take(b"("):  # one-or-more-mailbox
        return MailboxFilter(scope, (cursor.mailbox(),))
    names = {cursor.mailbox(): None}
    while cursor.take(b" "):
        names[cursor.mailbox()] = None
        if len(names) > cursor.settings.max_filter_mailboxes:
            raise BadSyntax("Too many mailboxes in a filter")
    cursor.expect(b")", "Invalid list of mailboxes")
    return MailboxFilter(scope, tuple(names))


def covers(one: MailboxFilter, name: str, subscribed: Collection[str] = ()) -> bool:
    """Whether a filter is about the mailbox of this name; a personal one, when the filter has no names of its own.

    What is selected has no name here: a filter of OF_SELECTED covers none.
    """
    match one.scope:
        case Scope.PERSONAL | Scope.INBOXES:  # RFC 5465 §6.3: mail is delivered into any mailbox
            return True
        case Scope.SUBSCRIBED:
            return name in subscribed
        case Scope.MAILBOXES:  # RFC 5465 §6.6: no wildcards
            return name in one.mailboxes
        case Scope.SUBTREE:
            return any(name == top or name.startswith(top + "/") for top in one.mailboxes)
        case Scope.SUBTREE_ONE:
            return name in one.mailboxes or name.rpartition("/")[0] in one.mailboxes
        case _:
            return False
