"""Runs: flags of many neighbouring messages that were changed alike, kept as one row beside theirs.

Owns: the table flag_runs; when a change may be kept as a run, how runs are read, and how they end up in the messages'
own rows. Never: reads a mailbox's messages to find out what they have: who changes them knows it from a view, or does
not make a run. Raises: apsw.Error.

A run says: of the messages first_uid..last_uid, the flags are `flags & ~clears | sets`, and the modseq is the run's.
"Mark all as read" is one row then instead of ten thousand. Runs of a mailbox never overlap: one over the same messages
is joined with the one before, anything else brings what is pending into the rows first, as does every other change that
looks at flags. There are never more than a few.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import apsw

from postroom.store.api import FlagAction, View
from postroom.store.books import Box

from .query import fetch
from .selecting import FEW
from .writer import Scope

MAX_RUNS = 16  # of a mailbox; so many updates of many rows can become due at once
_EVERYTHING = (1 << 63) - 1
_READ = "SELECT first_uid, last_uid, modseq, clears, sets FROM flag_runs WHERE mailbox_id = ? ORDER BY first_uid"
_WRITE = "INSERT OR REPLACE INTO flag_runs(mailbox_id, first_uid, last_uid, modseq, clears, sets) VALUES (?,?,?,?,?,?)"
_INTO_ROWS = """
UPDATE messages SET flags = flags & ~? | ?, modseq = ? WHERE mailbox_id = ? AND uid BETWEEN ? AND ?
"""


class Run(NamedTuple):
    """A row of flag_runs."""

    first_uid: int
    last_uid: int
    modseq: int
    clears: int
    sets: int


class Known(NamedTuple):
    """What some neighbouring messages had when the mailbox was at this modseq."""

    modseq: int
    masks: "array[int]"


def known(view: View | None, box: Box | None, uids: Sequence[int]) -> Known | None:
    """The flags of messages that are to be changed, if they are many, and all that the view of the mailbox has between
    the first and the last."""
    count = len(uids)
    if view is None or box is None or count <= FEW:
        return None
    at = bisect_left(view.uids, uids[0])
    if view.uids[at : at + count] != (uids if isinstance(uids, array) else array("L", uids)):
        return None
    return Known(box.highest_modseq, view.masks[at : at + count])


def read(db: apsw.Connection, mailbox_id: int) -> list[Run]:
    """What is pending in a mailbox."""
    return [Run(*row) for row in fetch(db, _READ, (mailbox_id,))]


def change_of(action: FlagAction, mask: int) -> tuple[int, int]:
    """What a flag action clears and sets."""
    if action is FlagAction.ADD:
        return 0, mask
    if action is FlagAction.REMOVE:
        return mask, 0
    return _EVERYTHING, mask


def add(scope: Scope, box: Box, uids: Sequence[int], modseq: int, change: tuple[int, int]) -> None:
    """Keep a change of these messages, which are all there are between the first and the last, as a run.

    The box has been touched.
    """
    clears, sets = change
    first, last = uids[0], uids[-1]
    if box.runs:
        pending = read(scope.db, box.mailbox_id)
        near = [run for run in pending if run.first_uid <= last and first <= run.last_uid]
        same = len(near) == 1 and (near[0].first_uid, near[0].last_uid) == (first, last)
        if same:
            clears, sets = near[0].clears | clears, near[0].sets & ~clears | sets
        elif near or len(pending) >= MAX_RUNS:
            settle(scope, box)
        box.runs -= same
    scope.db.execute(_WRITE, (box.mailbox_id, first, last, modseq, clears, sets))
    box.runs += 1


def settle(scope: Scope, box: Box) -> Box:
    """Bring what is pending into the messages' own rows; the mailbox as it is then."""
    if not box.runs:
        return box
    box = scope.touch(box.mailbox_id)
    for first, last, modseq, clears, sets in read(scope.db, box.mailbox_id):
        scope.db.execute(_INTO_ROWS, (clears, sets, modseq, box.mailbox_id, first, last))
    scope.db.execute("DELETE FROM flag_runs WHERE mailbox_id = ?", (box.mailbox_id,))
    box.runs = 0
    return box


def apply(runs: Sequence[Run], uids: "array[int]", masks: "array[int]", modseqs: "array[int]") -> None:
    """Bring what was pending when the rows were read into columns that were made of them."""
    for first, last, modseq, clears, sets in runs:
        at, end = bisect_left(uids, first), bisect_left(uids, last + 1)
        masks[at:end] = array("q", [mask & ~clears | sets for mask in masks[at:end]])
        modseqs[at:end] = array("q", [modseq]) * (end - at)


def mask_after(runs: Sequence[Run], uid: int, mask: int) -> int:
    """The flags of one message whose own row has `mask`."""
    for first, last, _, clears, sets in runs:
        if first <= uid <= last:
            return mask & ~clears | sets
    return mask
