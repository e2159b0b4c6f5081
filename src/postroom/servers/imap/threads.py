"""THREAD and UID THREAD (RFC 5256 §3).

Owns: those commands. Never: knows the algorithms (imap.threads does). Raises: Refused, StoreError, EndOfSession.
"""

from collections.abc import Sequence

from postroom.imap.sorting import Thread, Threading
from postroom.imap.threads import ReferenceThreads, Threads, ordered_subject, write
from postroom.store.api import SortFact

from .ordering import fact_columns
from .search import check_keys, check_needed_charset, emit_pieces
from .searching import Searching
from .session import Session

_AT_ONCE = 1000  # messages whose references, of up to a hundred thousand octets each, are held
_FACTS = (SortFact.MESSAGE_ID, SortFact.REFERENCES, SortFact.SUBJECT, SortFact.IS_REPLY, SortFact.SENT)


async def thread(session: Session, command: Thread) -> bytes:
    """THREAD and UID THREAD."""
    check_needed_charset(session, command.charset)
    check_keys(session, command.key, uid=command.uid)
    searching = Searching(session, session.mailbox)
    found = await searching.find(command.key, range(session.mailbox.count))
    uids = searching.rows.uids
    numbers = [uids[at] for at in found] if command.uid else [at + 1 for at in found]
    if command.algorithm is Threading.REFERENCES:
        threads = await _by_references(session, searching, found)
    else:
        threads = await _by_subject(session, searching, found)
    await session.emit(b"* THREAD " if numbers else b"* THREAD")
    await emit_pieces(session, write(threads, numbers))
    await session.emit(b"\r\n")
    return b"OK %bTHREAD completed" % (b"UID " if command.uid else b"")


async def _by_subject(session: Session, searching: Searching, found: Sequence[int]) -> Threads:
    facts = (SortFact.SUBJECT, SortFact.SENT)
    subjects, sent = await fact_columns(session, session.mailbox, searching.rows, facts, found)
    return ordered_subject(subjects, sent)


async def _by_references(session: Session, searching: Searching, found: Sequence[int]) -> Threads:
    """A piece of the mailbox at a time, since references are the longest of all facts."""
    threads = ReferenceThreads(session.settings.max_thread_ids)
    for start in range(0, len(found), _AT_ONCE):
        some = found[start : start + _AT_ONCE]
        columns = await fact_columns(session, session.mailbox, searching.rows, _FACTS, some)
        for message_id, references, subject, is_reply, sent in zip(*columns, strict=True):
            threads.add(message_id, references.split(" ") if references else (), subject, bool(is_reply), sent)
        await session.breathe()
    for _ in threads.finish():
        await session.breathe()
    return threads.threads
