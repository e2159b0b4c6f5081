"""ESEARCH: a search in several mailboxes (RFC 7377).

Owns: the command as a value, its grammar, its row of the command table. Never: searches. Raises: BadSyntax.
"""

from dataclasses import dataclass

from .mailbox_filter import OF_SELECTED, MailboxFilter, Scope, parse_filter
from .search_parser import parse_search
from .search_returns import EVERYTHING
from .syntax import BadSyntax
from .table import SIGNED_IN, CommandInfo, Does
from .tokens import Cursor
from .types import Command, Search

SELECTED_ONLY: tuple[MailboxFilter, ...] = (MailboxFilter(Scope.SELECTED),)


@dataclass(frozen=True, slots=True)
class MultiSearch(Command):
    """ESEARCH. Its `search` always has return options, and is by UID (RFC 7377 §2.1)."""

    sources: tuple[MailboxFilter, ...]
    search: Search

    @property
    def in_selected(self) -> bool:
        """Whether the selected mailbox is among those to be searched, by that name."""
        return any(one.scope in OF_SELECTED for one in self.sources)


def parse_multisearch(cursor: Cursor) -> MultiSearch:
    """[SP esearch-source-opts] [SP search-return-opts] SP search-program (RFC 7377 §4)."""
    sources = SELECTED_ONLY
    if cursor.data[cursor.at : cursor.at + 5].upper() == b" IN (":
        cursor.at += 5
        sources = _sources(cursor)
    search = parse_search(cursor, uid=True, default=EVERYTHING)
    if search.returns is not None and search.returns.save and sources != SELECTED_ONLY:
        raise BadSyntax("SAVE is for the selected mailbox only")  # RFC 7377 §2.2
    return MultiSearch(sources, search)


def _sources(cursor: Cursor) -> tuple[MailboxFilter, ...]:
    """source-mbox ")", behind the opening parenthesis; there are no scope-options."""
    found: dict[MailboxFilter, None] = {}
    names = 0
    while True:
        one = parse_filter(cursor)
        if one.scope is Scope.SELECTED_DELAYED:  # RFC 7377 §2.2
            raise BadSyntax("SELECTED-DELAYED is for NOTIFY")
        found[one] = None
        names += 1 + len(one.mailboxes)
        if names > cursor.settings.max_filter_mailboxes:
            raise BadSyntax("Too many mailboxes to search")
        if not cursor.take(b" "):
            break
    cursor.expect(b")", "Invalid source options")
    return tuple(found)


ROWS = (
    CommandInfo(b"ESEARCH", parse_multisearch, SIGNED_IN, Does.MAY_EXPUNGE),
    CommandInfo(b"UID ESEARCH", parse_multisearch, SIGNED_IN, Does.MAY_EXPUNGE),  # as RFC 7377 §2 writes it once
)
