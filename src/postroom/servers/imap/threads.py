"""THREAD and UID THREAD (RFC 5256 §3).

Owns: those commands; their answers, kept with the view. Never: knows the algorithms (imap.threads does). Raises:
Refused, StoreError, EndOfSession.

Threads are made of the messages that were found, so those of some are not a part of those of all. But as long as the
same messages are found they are the same, and the answer of the last time is given again. When messages have come and
none has gone, the links among all others are still there.
"""

from array import array
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from postroom.imap.sorting import Thread, Threading
from postroom.imap.threads import ReferenceThreads, Threads, ordered_subject, write
from postroom.store.api import SortFact

from .candidates import Candidates
from .ordering import fact_columns
from .search import check_keys, check_needed_charset, emit_pieces
from .searching import Searching
from .session import Session

_AT_ONCE = 1000  # messages whose references, of up to a hundred thousand octets each, are held
_FACTS = (SortFact.MESSAGE_ID, SortFact.REFERENCES, SortFact.SUBJECT, SortFact.IS_REPLY, SortFact.SENT)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Good as long as the view has these uids, the very array: it gets another one when a message goes."""

    uids: Sequence[int]
    found: Candidates  # a range, or an array
    pieces: list[bytes]

    @property
    def octets(self) -> int:
        """What keeping it takes, with the uids, which may soon be nobody else's."""
        found = 0 if isinstance(self.found, range) else 4 * len(self.found)
        return 8 * len(self.uids) + found + sum(map(len, self.pieces))


@dataclass(frozen=True, slots=True)
class _Links:
    """Among the first messages of a view; good as long as it has these uids, the very array."""

    uids: Sequence[int]
    threads: ReferenceThreads


async def thread(session: Session, command: Thread) -> bytes:
    """THREAD and UID THREAD."""
    check_needed_charset(session, command.charset)
    check_keys(session, command.key, uid=command.uid)
    selected = session.mailbox
    view, searching = selected.view, Searching(session, selected)
    found = await searching.find(command.key, range(selected.count))
    if not isinstance(found, range):
        found = array("I", found)
    key = ("THREAD", command.algorithm, command.uid, len(found) == selected.count)
    answer: _Answer | None = view.cache.get(key)
    uids = searching.rows.uids
    if answer is None or answer.uids is not uids or answer.found != found:
        answer = _Answer(uids, found, await _threads(session, searching, command, found))
        if view.uids is uids:
            view.cache.put(key, answer, answer.octets)
    await session.emit(b"* THREAD " if found else b"* THREAD")
    await emit_pieces(session, answer.pieces)
    await session.emit(b"\r\n")
    return b"OK %bTHREAD completed" % (b"UID " if command.uid else b"")


async def _threads(session: Session, searching: Searching, command: Thread, found: Candidates) -> list[bytes]:
    """As they are written."""
    by_references = command.algorithm is Threading.REFERENCES
    threads = await (_by_references if by_references else _by_subject)(session, searching, found)
    uids = searching.rows.uids
    pieces: list[bytes] = []
    for piece in write(threads, [uids[at] for at in found] if command.uid else [at + 1 for at in found]):
        pieces.append(piece)
        await session.breathe()
    return pieces


async def _by_subject(session: Session, searching: Searching, found: Candidates) -> Threads:
    facts = (SortFact.SUBJECT, SortFact.SENT)
    subjects, sent = await fact_columns(session, session.mailbox, searching.rows, facts, found)
    return await _stepwise(session, ordered_subject(subjects, sent))


async def _by_references(session: Session, searching: Searching, found: Candidates) -> Threads:
    """A piece of the mailbox at a time, since references are the longest of all facts."""
    selected = session.mailbox
    if len(found) < selected.count:
        return await _linked(session, searching, found, ReferenceThreads(session.settings.max_thread_ids))
    view, uids = selected.view, searching.rows.uids
    links: _Links | None = view.cache.get("LINKS")
    view.cache.drop("LINKS")  # so that nobody else adds to them at the same time
    if links is None or links.uids is not uids or len(links.threads) > len(found):
        links = _Links(uids, ReferenceThreads(session.settings.max_thread_ids))
    threads = await _linked(session, searching, found, links.threads)
    if view.uids is uids:
        view.cache.put("LINKS", links, 8 * len(uids) + links.threads.octets)
    return threads


async def _linked(session: Session, searching: Searching, found: Candidates, threads: ReferenceThreads) -> Threads:
    """With those of the messages added that it does not have yet."""
    for start in range(len(threads), len(found), _AT_ONCE):
        some = found[start : start + _AT_ONCE]
        threads.add(*await fact_columns(session, session.mailbox, searching.rows, _FACTS, some))
        await session.breathe()
    return await _stepwise(session, threads.finish())


async def _stepwise(session: Session, steps: Generator[None, None, Threads]) -> Threads:
    """Go through work that lets others have their turn."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            threads: Threads = end.value
            return threads
        await session.breathe()
