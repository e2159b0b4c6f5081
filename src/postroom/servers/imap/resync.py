"""What a client missed while it was away: QRESYNC, and UID FETCH with VANISHED (RFC 7162 §3.2.5, §3.2.6).

Owns: which UIDs have vanished, which flags have changed since a modification sequence. Never: keeps history (the store
does). Raises: StoreError.
"""

from bisect import bisect_left
from collections.abc import Sequence

from postroom.imap.seqset import Span, by_number, merge, numbers_within, write
from postroom.imap.types import Resync, SeqSet

from .candidates import within
from .rows import batches
from .selected import SelectedMailbox
from .session import Session

_FEW = 8  # one in so many messages is sooner looked up than all are looked at


async def resynchronize(session: Session, selected: SelectedMailbox, known: Resync) -> None:
    """The answer to SELECT's QRESYNC parameter; nothing when the UIDs are not those that the client knew (§3.2.5)."""
    if known.uid_validity != selected.view.mailbox.uid_validity:
        return
    spans = [(0, selected.count)] if selected.count else []
    if known.known_uids is not None:
        spans = selected.resolve(known.known_uids, uid=True)
    above = _matching(selected, known)
    await say_vanished(session, selected, known.known_uids, known.modseq, above)
    changed = changed_since(selected, spans, known.modseq)
    for positions in batches(changed, session.settings.fetch_batch_messages):
        rows = selected.rows(positions)
        selected.said_flags(rows.uids)
        await session.emit(selected.flag_rows(rows))
        await session.breathe()


def _matching(selected: SelectedMailbox, known: Resync) -> int:
    """The highest UID up to which the client's picture is ours, by the samples it gave (§3.2.5.2); 0: none."""
    if known.matches is None:
        return 0
    numbers, uids = known.matches
    most = selected.count
    # A pair that matches proves all below it: the client's messages are ours and those that are gone.
    pairs = zip(numbers_within(numbers, most), numbers_within(uids, selected.view.mailbox.uid_next), strict=False)
    return max((uid for number, uid in pairs if selected.position(uid) == number - 1), default=0)


async def say_vanished(
    session: Session, selected: SelectedMailbox, uids: SeqSet | None, modseq: int, above: int = 0
) -> None:
    """VANISHED (EARLIER): those of `uids` greater than `above` that were expunged after `modseq`, or, when the history
    does not reach back so far, all that are not there (§3.2.6)."""
    view = selected.view.mailbox
    if modseq >= view.highest_modseq:
        return
    lost = await selected.account.expunged_since(selected.mailbox_id, modseq)
    last = view.uid_next - 1
    asked = [(0, last)] if uids is None else by_number(uids, last)  # as ranges of UIDs less one
    asked = [(max(start, above) + 1, stop + 1) for start, stop in asked if stop > above]
    if lost is not None:
        # What this session still shows is told by VANISHED without EARLIER, later.
        vanished = write(uid for uid in _within(lost, asked) if selected.position(uid) < 0)
    else:
        # Beyond the last UID that the client was told of lie messages that EXISTS has yet to announce.
        asked = [(start, min(stop, selected.last_uid + 1)) for start, stop in asked]
        vanished = _gaps(selected.known_uids(), asked)
    if vanished:
        await session.emit(b"* VANISHED (EARLIER) %b\r\n" % vanished)


def _within(numbers: Sequence[int], ranges: Sequence[Span]) -> list[int]:
    found: list[int] = []
    for start, stop in ranges:
        found += numbers[bisect_left(numbers, start) : bisect_left(numbers, stop)]
    return found


def _gaps(uids: Sequence[int], ranges: Sequence[Span]) -> bytes:
    """The set of all numbers in `ranges` that are not among the ascending `uids`."""
    parts: list[bytes] = []
    for start, stop in ranges:
        at = start
        for uid in uids[bisect_left(uids, start) : bisect_left(uids, stop)]:
            if uid > at:
                parts.append(b"%d:%d" % (at, uid - 1) if uid - 1 > at else b"%d" % at)
            at = uid + 1
        if stop > at:
            parts.append(b"%d:%d" % (at, stop - 1) if stop - 1 > at else b"%d" % at)
    return b",".join(parts)


def changed_since(selected: SelectedMailbox, spans: Sequence[Span], modseq: int) -> list[Span]:
    """The positions among `spans` of messages that were changed after `modseq` (§3.1.4.1)."""
    if modseq >= selected.view.mailbox.highest_modseq:
        return []
    recent = selected.view.changes.after(modseq)
    if recent is not None and len(recent) * _FEW <= selected.count:
        # What was expunged and not said yet has changed too, as far as the client can know
        positions = {selected.position(uid) for uid in recent.union(selected.unsaid_gone)} - {-1}
        rows = selected.rows(within(sorted(positions), spans))
        return merge([(at, at + 1) for at, value in zip(rows.positions, rows.modseqs, strict=True) if value > modseq])
    modseqs = selected.everything().modseqs
    return merge([(at, at + 1) for start, stop in spans for at in range(start, stop) if modseqs[at] > modseq])


def window(spans: Sequence[Span], first: int, last: int) -> list[Span]:
    """PARTIAL (RFC 9394): of the messages in `spans` the first-th to the last-th, from the end when negative."""
    total = sum(stop - start for start, stop in spans)
    low, high = (first - 1, last) if first > 0 else (max(total + last, 0), total + first + 1)
    found: list[Span] = []
    before = 0
    for start, stop in spans:
        some = (max(start, start + low - before), min(stop, start + high - before))
        if some[0] < some[1]:
            found.append(some)
        before += stop - start
    return found
