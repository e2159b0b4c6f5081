"""COPY and MOVE where the store can't do it by itself: to another account, or with flags that must be left out.

Owns: reading messages in pieces and appending them elsewhere. Never: holds a large message in memory (drafts spool
it), checks who may (messages.py does). Raises: StoreError.

Messages go in batches; when a later one fails, what earlier ones brought is removed again, so that the target is as it
was (RFC 3501 §6.4.7). What is not on disk twice can't be lost: MOVE removes the source last, and when the store can't
say whether it has, the copies stay: a commit that failed may have been made.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from postroom.store.api import (
    Appended,
    AppendOptions,
    Copied,
    Mailbox,
    NoSuchMailbox,
    OverQuota,
    StoreError,
    StoreFailure,
)
from postroom.store.draft import Draft

from .flag_lists import RECENT
from .places import Place
from .rights import permitted
from .rows import Rows
from .selected import SelectedMailbox
from .session import Session

_log = logging.getLogger("postroom.imap")


async def carry(
    session: Session, selected: SelectedMailbox, uids: Sequence[int], place: Place, target: Mailbox, *, move: bool
) -> Copied:
    """Copies of these messages in `target`, all or none. Messages that are gone are passed over, as by the store."""
    if not move:
        return await _carry(session, selected, uids, place, target, move=False)
    locks, key = session.service.move_locks, (selected.account.account_id, selected.mailbox_id)
    if (lock := locks.get(key)) is None:
        lock = locks[key] = asyncio.Lock()
    async with lock:  # of two who move a message one comes too late, and finds it gone
        return await _carry(session, selected, uids, place, target, move=True)


async def _carry(
    session: Session, selected: SelectedMailbox, uids: Sequence[int], place: Place, target: Mailbox, *, move: bool
) -> Copied:
    view_index = selected.view.index
    rows = selected.rows([selected.position(uid) for uid in uids if view_index(uid) >= 0])
    carrying = _Carrying(session, selected, place, target)
    if not (move and place.account.account_id == selected.account.account_id):
        await carrying.check_room(rows)
    removed: Sequence[int] = rows.uids
    try:
        await carrying.run(rows)
        if move:
            removed = await selected.account.remove(selected.mailbox_id, rows.uids, origin=selected)
    except Exception as error:
        if carrying.complete and isinstance(error, StoreFailure):
            raise
        await carrying.undo(carrying.appended)
        raise
    here = set(removed)
    done = [(uid, appended) for uid, appended in zip(rows.uids, carrying.appended, strict=True) if uid in here]
    if len(done) < len(rows.uids):  # others have been expunged, or moved within their account
        kept = {appended for _, appended in done}
        try:
            await carrying.undo([appended for appended in carrying.appended if appended not in kept])
        except StoreError as error:
            _log.warning("%s: copies of messages that are gone were left behind: %s", session.peer, error)
    return Copied(target.uid_validity, tuple([uid for uid, _ in done]), tuple([appended.uid for _, appended in done]))


class _Carrying:
    """One COPY under way."""

    def __init__(self, session: Session, selected: SelectedMailbox, place: Place, target: Mailbox) -> None:
        self.appended: list[Appended] = []
        self.complete = False
        self._session = session
        self._selected = selected
        self._place = place
        self._target = target
        self._rights = place.rights(target)
        self._quota: tuple[int | None, int | None] = None, None

    async def check_room(self, rows: Rows) -> None:
        """The quota of the one whose account it is; known before anything is read."""
        owner = await self._session.owner(self._place)
        self._quota = owner.quota_octets, owner.quota_messages  # others may fill the account meanwhile
        usage = await self._place.account.usage()
        octets, messages = usage.octets + sum(rows.sizes), usage.messages + len(rows.uids)
        if (owner.quota_octets is not None and octets > owner.quota_octets) or (
            owner.quota_messages is not None and messages > owner.quota_messages
        ):
            raise OverQuota(f"{owner.address}: {usage}, {len(rows.uids)} more")

    async def run(self, rows: Rows) -> None:
        settings = self._session.settings
        at, count = 0, len(rows.uids)
        while at < count:
            with ExitStack() as drafts:
                batch: list[tuple[Draft, AppendOptions]] = []
                octets = 0
                while at < count and len(batch) < settings.carry_batch_messages:
                    if batch and octets + rows.sizes[at] > settings.carry_batch_octets:
                        break
                    draft = drafts.enter_context(self._session.service.store.draft())
                    await self._read(draft, rows.content_ids[at], rows.sizes[at])
                    batch.append((draft, self._options(rows, at)))
                    octets += rows.sizes[at]
                    at += 1
                self.appended += await self._place.account.append_many(self._place.name, batch)
            if self.appended[-1].mailbox_id != self._target.mailbox_id:  # another one has got the name meanwhile
                raise NoSuchMailbox(self._place.name)
        self.complete = True

    async def _read(self, draft: Draft, content_id: int, size: int) -> None:
        step = self._session.settings.output_piece_octets
        for start in range(0, size, step):
            draft.write(await self._selected.account.read_range(content_id, start, min(start + step, size)))
        if draft.size != size:
            raise StoreFailure(f"content {content_id} has {draft.size} octets, not {size}")
        draft.finish()
        draft.spool.rest()
        await self._session.breathe()

    def _options(self, rows: Rows, at: int) -> AppendOptions:
        # RFC 3501 §6.4.7: flags and internal date are kept; RFC 4314 §4: flags that may be set there
        flags = self._selected.view.flag_names(rows.masks[at] & (RECENT - 1))
        octets, messages = self._quota
        return AppendOptions(
            flags=permitted(flags, self._rights),
            internal_date=rows.dates[at],
            quota_octets=octets,
            quota_messages=messages,
            origin=self._selected,
        )

    async def undo(self, brought: Iterable[Appended]) -> None:
        """Take out again what was brought."""
        by_mailbox: dict[int, list[int]] = {}
        for appended in brought:
            by_mailbox.setdefault(appended.mailbox_id, []).append(appended.uid)
        for mailbox_id, uids in by_mailbox.items():
            await self._place.account.remove(mailbox_id, uids, origin=self._selected)
