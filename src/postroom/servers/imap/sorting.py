"""SORT and UID SORT (RFC 5256, ESORT and contexts of RFC 5267), and the table of what goes with them.

Owns: those commands, the handlers of imap.sorting.ROWS. Never: finds messages (searching.py), knows what is compared
(ordering.py). Raises: Refused, StoreError, EndOfSession.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from postroom.imap import encode
from postroom.imap.contexts import Entry, FollowedSort
from postroom.imap.search_parser import mentions
from postroom.imap.search_returns import esearch, spoken_of
from postroom.imap.sorting import Sort
from postroom.imap.types import ModSeq

from .contexts import Context, cancel_update, contexts_of
from .kept_orders import order_of_all, picked
from .ordering import FACTS_AT_ONCE, Column, entries, in_order, key_columns
from .search import check_keys, check_needed_charset, emit_pieces, save_result
from .searching import Searching
from .session import Handler, Session
from .threads import thread


async def sort(session: Session, command: Sort) -> bytes:
    """SORT and UID SORT."""
    check_needed_charset(session, command.charset)
    check_keys(session, command.key, uid=command.uid)
    if command.returns is None or not command.returns.update:
        return await _sort(session, command, None)
    contexts = contexts_of(session)
    items = command.returns.update_items
    async with contexts.begin(command.key, uid=command.uid, criteria=command.criteria, items=items) as context:
        return await _sort(session, command, context)


async def _sort(session: Session, command: Sort, context: Context | None) -> bytes:
    selected, returns, criteria = session.mailbox, command.returns, command.criteria
    searching = Searching(session, selected)
    rows = searching.rows
    try:
        found = await searching.find(command.key, range(selected.count))
        columns, order = list[Column](), list[int]()
        kept = None if context is not None else await order_of_all(session, selected, searching, criteria, found)
        if kept is None:
            columns = await key_columns(session, selected, searching, criteria, found)
            order = await in_order(session, criteria, columns, len(found))
    except BaseException:
        if returns is not None and returns.save:  # RFC 5182 §2.1: NO makes "$" empty
            selected.save_result(())
        raise
    positions = picked(kept, found) if kept is not None else [found[at] for at in order]
    await session.breathe()
    spoken = spoken_of(returns, positions)
    modseq = 0
    if mentions(command.key, ModSeq):
        session.enable_condstore()  # RFC 7162 §3.1
        modseq = searching.highest_modseq(spoken)
    if returns is not None and returns.save:
        save_result(session, selected, spoken)
    uids = rows.uids
    numbers = [uids[at] for at in positions] if command.uid else [at + 1 for at in positions]
    if returns is None:
        await emit_pieces(session, encode.search_pieces(numbers, modseq=modseq, name=b"SORT"))
    elif returns.tells:
        scores = searching.scores(positions) if returns.relevancy else ()
        pieces = esearch(session.tag, returns, numbers, uid=command.uid, modseq=modseq, scores=scores)
        await emit_pieces(session, pieces)
    if context is not None:
        contexts = contexts_of(session)
        if contexts.may_follow(context, len(found)):
            contexts.follow(context, await _followed(session, order, entries(criteria, columns, searching.uids(found))))
    return b"OK %bSORT completed" % (b"UID " if command.uid else b"")


async def _followed(session: Session, order: Sequence[int], keys: Iterator[Entry]) -> FollowedSort:
    """The result as a context keeps it, made a piece at a time."""
    made: list[Entry] = []
    while some := list(islice(keys, FACTS_AT_ONCE)):
        made += some
        await session.breathe()
    return FollowedSort([made[at] for at in order])


HANDLERS: dict[bytes, Handler] = {
    b"SORT": sort,
    b"UID SORT": sort,
    b"THREAD": thread,
    b"UID THREAD": thread,
    b"CANCELUPDATE": cancel_update,
}
