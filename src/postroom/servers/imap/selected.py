"""One session's view of the mailbox it has selected.

Owns: which messages the client knows under which sequence numbers, what changed since and was not said yet, \\Recent.
Never: sends anything, changes the store (but for claiming \\Recent). Raises: Refused for impossible sequence numbers.

The store's View runs ahead of the client: messages come and go there at once, while a sequence number keeps its message
until the session has said EXPUNGE (RFC 3501 §7.4.1). `_uids[:count]` is what the client knows. While nothing it knows
is gone, `_uids` is the View's own array and every column can be sliced from the View; after somebody's expunge the View
has new arrays, `_uids` stays the old one, and columns are looked up uid by uid until the EXPUNGEs have been said.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter

from postroom.imap.acl import ALL_RIGHTS
from postroom.imap.seqset import Span, by_number, by_uid, fits, merge, write
from postroom.imap.types import SeqSet
from postroom.store.api import (
    FIRST_KEYWORD_BIT,
    MAX_KEYWORD_BITS,
    SYSTEM_FLAGS,
    Account,
    Change,
    FlagsChanged,
    GoneMessage,
    Mailbox,
    MailboxesChanged,
    MessagesAdded,
    MessagesExpunged,
    NoSuchMailbox,
    View,
)
from postroom.store.flags import mask_of

from .flag_lists import RECENT, FlagLists
from .flag_log import FlagLog
from .flag_rows import flag_rows
from .refusal import bad
from .rights import effective, may_write, permitted
from .rows import Rows, put_back

_FEW = 8  # one in so many messages is sooner looked up than all are looked at
_UTF8 = (b"IMAP4REV2", b"UTF8=ACCEPT")
_uid = attrgetter("uid")
_NO_UID = 1 << 32  # larger than any (RFC 3501 §2.3.1.1)


class SelectedMailbox:
    """Made by `open`; give it back with `close`."""

    def __init__(
        self,
        account: Account,
        view: View,
        read_only: bool,
        claims: set[tuple[int, int]],
        enabled: AbstractSet[bytes] = frozenset(),
        guest: str | None = None,
    ) -> None:
        self.account = account
        self.view = view
        self.mailbox_id = view.mailbox.mailbox_id
        self.guest = guest  # who has it open, by address, when it is another person's
        self._acl: tuple[tuple[str, str], ...] | None = None  # what `_rights` were taken from
        self._rights = ALL_RIGHTS
        self._examined = read_only
        self._takes_recent = not self.read_only  # as long as it is selected, whatever becomes of the rights
        self._rights_told = self.rights
        self.deleted = False  # by somebody, while it was selected
        self.on_change: Callable[[], None] | None = None
        self._claims = claims
        self._claiming = False  # the pair in `_claims` is this session's
        self._enabled = enabled  # what the session's client has enabled, as it changes
        self._held_back = False  # the client was told not to believe all modseqs
        self._uids = view.uids
        self.count = len(view.uids)
        self._last_uid = view.uids[-1] if view.uids else 0  # the highest the client has been told of
        self._gone: dict[int, GoneMessage] = {}  # known to the client, no longer in the view
        self._changed: set[int] = set()  # uids whose flags others have changed
        self.owes_expunge = False  # of messages that this session has expunged itself
        self._owed: set[int] = set()  # of those, what the client is told even if it wants to hear of no flags
        self._unwanted: set[int] = set()  # uids of which it does not
        self._own: set[int] = set()  # uids that this session has made and was not told of yet
        self._own_told: set[int] = set()  # what `_own` was then
        self._recent: list[tuple[int, int]] = []  # uid ranges that are \Recent here
        self.flag_log = FlagLog(view.mailbox.highest_modseq)
        self._keywords_told = 0
        self._flag_lists = FlagLists(view)
        self.called = view.mailbox.name  # by the client that selected it
        self._saved: SeqSet = SeqSet(())

    @classmethod
    async def open(
        cls,
        account: Account,
        mailbox: Mailbox,
        *,
        read_only: bool,
        claims: set[tuple[int, int]],
        enabled: AbstractSet[bytes] = frozenset(),
        guest: str | None = None,
    ) -> "SelectedMailbox":
        """`claims` is shared by all sessions: the (account, mailbox) pairs whose \\Recent marks one is just taking."""
        removed: set[int] = set()  # while the view was loaded: nobody would ever tell of it again

        def hear(change: Change) -> None:
            if isinstance(change, MailboxesChanged):
                removed.update(change.removed)

        account.subscribe_changes(hear)
        try:
            view = await account.view(mailbox.mailbox_id)
        finally:
            account.unsubscribe_changes(hear)
        if mailbox.mailbox_id in removed:
            account.release(view)
            raise NoSuchMailbox(f"{mailbox.name!r} was deleted while it was opened")
        selected = cls(account, view, read_only, claims, enabled, guest)
        account.subscribe_changes(selected._hear)
        try:
            if selected.read_only:  # RFC 3501 §6.3.2: EXAMINE takes nobody's \Recent away, it only shows them
                recent = min(view.mailbox.recent, selected.count)
                first = view.uids[selected.count - recent] if recent else selected._last_uid + 1
                selected._recent.append((first, _NO_UID))  # what arrives may be new to all (§2.3.2)
            else:
                await selected.claim_recent()
        except BaseException:
            selected.close()
            raise
        selected._keywords_told = len(view.keywords)
        selected.take_updates(expunge=True)  # what happened during the claim is news to nobody
        return selected

    def close(self) -> None:
        """Stop listening, give the view back."""
        self.on_change = None
        self.give_up_claim()
        self.account.unsubscribe_changes(self._hear)
        self.account.release(self.view)

    # ---- what may be done with it

    @property
    def rights(self) -> str:
        """The person's rights as they are now (RFC 4314 §5.1.1)."""
        if self.guest is not None and self._acl is not (acl := self.view.mailbox.acl):
            self._acl, self._rights = acl, effective(acl, self.guest)
        return self._rights

    @property
    def read_only(self) -> bool:
        """Whether it was opened by EXAMINE, or there is no right to change anything (RFC 4314 §5.2)."""
        return self._examined or (self.guest is not None and not may_write(self.rights))

    @property
    def lost(self) -> bool:
        """Deleted, or no longer to be read by this person."""
        return self.deleted or (self.guest is not None and "r" not in self.rights)

    # ---- what others do

    def _hear(self, change: Change) -> None:
        if isinstance(change, MessagesAdded):  # first: what thousands may hear at once
            if change.mailbox_id != self.mailbox_id:
                return
            self.flag_log.add(change)
            if change.origin is self:
                self._own.update(change.uids)
        elif isinstance(change, MailboxesChanged):
            if self.mailbox_id in change.removed:
                self.deleted = True
            elif self.rights == self._rights_told:
                return
        elif change.mailbox_id != self.mailbox_id:
            return
        elif isinstance(change, FlagsChanged):
            self.flag_log.add(change)
            if change.origin is self:
                return  # STORE and FETCH say so themselves; what others did before stays to be told after .SILENT
            self._changed.update(change.uids)
        elif isinstance(change, MessagesExpunged):
            gone: Sequence[GoneMessage] = change.gone
            if gone and gone[-1].uid > self._last_uid:
                gone = [message for message in gone if message.uid <= self._last_uid]
            self._gone.update(zip(map(_uid, gone), gone, strict=True))
            self.owes_expunge |= bool(gone) and change.origin is self
            if not self._gone:  # none that the client knows: the view's new arrays serve as well as the old
                self._follow_view()
        if self.on_change is not None:
            self.on_change()

    def _follow_view(self) -> None:
        self._uids = self.view.uids
        self.count = bisect_right(self._uids, self._last_uid)

    @property
    def has_news(self) -> bool:
        """Whether there is anything the client has not been told."""
        uids = self.view.uids
        return bool(
            self._gone
            or self._changed
            or self.deleted
            or (uids and uids[-1] > self._last_uid)
            or (self._unwanted and self.vanishes)  # see _believable
            or self.rights != self._rights_told
        )

    @property
    def last_uid(self) -> int:
        """The highest uid that the client has been told of, whether it is still there or not."""
        return self._last_uid

    @property
    def unsaid_gone(self) -> Iterable[int]:
        """The uids of which EXPUNGE has yet to be said."""
        return self._gone

    @property
    def should_claim(self) -> bool:
        """Whether there are \\Recent marks that this session may take (see claim_recent)."""
        return self._claiming or (
            self.view.mailbox.recent > 0
            and self._takes_recent
            and b"IMAP4REV2" not in self._enabled  # RFC 9051 appendix E: no \\Recent there
            and (self.account.account_id, self.mailbox_id) not in self._claims
        )

    def reserve_claim(self) -> None:
        """Let no other session ask for the marks: this one will, by claim_recent, or says give_up_claim."""
        self._claiming = True
        self._claims.add((self.account.account_id, self.mailbox_id))

    def give_up_claim(self) -> None:
        """What was reserved and not claimed is anybody's again."""
        if self._claiming:
            self._claiming = False
            self._claims.discard((self.account.account_id, self.mailbox_id))

    async def claim_recent(self) -> None:
        """Take the \\Recent marks nobody has taken: each goes to one session only (RFC 3501 §2.3.2)."""
        if not self.should_claim:
            return
        self.reserve_claim()
        try:
            first, last = await self.account.claim_recent(self.mailbox_id)
        finally:
            self.give_up_claim()
        if first < last:
            if self._recent and self._recent[-1][1] == first:
                first = self._recent.pop()[0]
            self._recent.append((first, last))

    # ---- telling the client

    def take_updates(self, *, expunge: bool, flags: bool = True, new: bool = True) -> bytes:
        """The untagged responses that bring the client up to date; EXPUNGE only where the protocol allows it now.

        Without `flags` what others have done to flags is kept for a time when the client wants to know; without `new`
        messages that have come are.
        """
        if flags and self._unwanted:
            self._changed |= self._unwanted
            self._unwanted.clear()
        if not self.has_news:
            return b""
        told = self._last_uid
        out: list[bytes] = []
        if self.rights != self._rights_told:  # RFC 4314 §5.1.1
            out.append(self.flags_responses())
        if expunge and self._gone:
            out += self._expunges()
        if new and self._take_new():
            out.append(self.counts())
        if not flags:
            self._unwanted |= self._changed - self._owed
            self._changed &= self._owed
        if self._changed:
            out += self._flag_changes(told)
        if self.vanishes:
            out.append(self._believable())
        return b"".join(out)

    def counts(self) -> bytes:
        """EXISTS and RECENT (RFC 3501 §7.3.1, §7.3.2); IMAP4rev2 has no RECENT (RFC 9051 appendix E)."""
        if b"IMAP4REV2" in self._enabled:
            return b"* %d EXISTS\r\n" % self.count
        return b"* %d EXISTS\r\n* %d RECENT\r\n" % (self.count, self.recent_count)

    def _believable(self) -> bytes:
        """RFC 7162 §3.2, §6: while something is not told yet, modseqs beyond it must not be taken for all there was.

        Said with every answer, for each may bring a MODSEQ that the client would believe.
        """
        unsaid = bool(self._gone or self._unwanted)
        if not unsaid and not self._held_back:
            return b""
        self._held_back = unsaid
        text = b"All told"
        if unsaid:
            text = b"Expunges are yet to be told" if self._gone else b"Changes are yet to be told"
        return b"* OK [HIGHESTMODSEQ %d] %b\r\n" % (self.highest_told(), text)

    def highest_modseq_response(self) -> bytes:
        """RFC 7162 §3.1.2.1"""
        return b"* OK [HIGHESTMODSEQ %d] Highest modification sequence\r\n" % self.highest_told()

    def highest_told(self, *, but_unwanted: bool = False) -> int:
        """The modseq up to which the client has been told everything, or will have been when it has been told all that
        it wants to hear."""
        changed = self._unwanted if but_unwanted else self._changed | self._unwanted
        unsaid = [] if but_unwanted else [lost.modseq for lost in self._gone.values()]
        unsaid += [self.view.modseqs[at] for uid in changed if (at := self.view.index(uid)) >= 0]
        return min(unsaid) - 1 if unsaid else self.view.mailbox.highest_modseq

    def _expunges(self) -> list[bytes]:
        uids, count, gone = self._uids, self.count, self._gone
        if len(gone) * 8 < count:
            positions = [bisect_left(uids, uid, 0, count) for uid in sorted(gone)]
        else:
            positions = [at for at in range(count) if uids[at] in gone]
        lost = sorted(gone) if self.vanishes else ()
        self._unwanted.difference_update(gone)
        gone.clear()
        self.owes_expunge = False
        self._follow_view()
        if self.vanishes:
            return [b"* VANISHED %b\r\n" % write(lost)]  # RFC 7162 §3.2.10.2
        # Each EXPUNGE moves the numbers above it down at once (RFC 3501 §7.4.1).
        numbers = [at - before for before, at in enumerate(positions, start=-1)]
        return [b"* %d EXPUNGE\r\n" * len(numbers) % tuple(numbers)]

    def _take_new(self) -> bool:
        uids = self.view.uids
        if not uids or uids[-1] <= self._last_uid:
            return False
        if self._own or self._own_told:
            self._own_told, self._own = self._own, set()
        if self._uids is uids:
            self.count = len(uids)
        else:  # there are unsaid expunges: numbers go on after all that the client knows
            self._uids = self._uids[: self.count] + uids[bisect_right(uids, self._last_uid) :]
            self.count = len(self._uids)
        self._last_uid = uids[-1]
        return True

    def _flag_changes(self, told: int) -> list[bytes]:
        changed, self._changed = self._changed, set()
        self._owed.clear()
        changed.difference_update(self._gone)
        if len(changed) * _FEW > self.count:
            known = self._uids[: bisect_right(self._uids, told, 0, self.count)]
            positions: Sequence[int] = [at for at, uid in enumerate(known) if uid in changed]
        else:
            positions = [at for uid in sorted(changed) if uid <= told and (at := self.position(uid)) >= 0]
        if not positions:
            return []
        if positions[-1] - positions[0] + 1 == len(positions):  # their columns are slices of the view's
            positions = range(positions[0], positions[-1] + 1)
        return [self.new_keywords(), self.flag_rows(self.rows(positions))]

    def flag_rows(self, rows: Rows, *, with_uid: bool = True, with_flags: bool = True) -> bytes:
        """A FETCH response with the flags of each of these messages, and what else the client has to be told.

        A client that knows of modification sequences gets UID and MODSEQ with all that it did not ask for itself (RFC
        7162 §3.2.4), one that uses only UIDs gets UIDFETCH (RFC 9586).
        """
        return flag_rows(
            rows,
            self.numbers(rows),
            self.fetch_start,
            self.flag_lists if with_flags else None,
            uids=(with_uid or self.condstore) and not self.uid_only,
            modseqs=self.condstore,
        )

    @property
    def fetch_start(self) -> bytes:
        """How a message's data begin, with a place for what `numbers` gives."""
        return b"* %d UIDFETCH (" if self.uid_only else b"* %d FETCH ("

    def numbers(self, rows: Rows) -> Sequence[int]:
        """What the client calls these messages: their sequence numbers, or their UIDs where it wants nothing else."""
        if self.uid_only:
            return rows.uids
        positions = rows.positions
        if isinstance(positions, range):
            return range(positions.start + 1, positions.stop + 1)
        return [at + 1 for at in positions]

    @property
    def condstore(self) -> bool:
        """The client takes part in CONDSTORE (RFC 7162 §3.1)."""
        return b"CONDSTORE" in self._enabled

    @property
    def vanishes(self) -> bool:
        """The client hears VANISHED for EXPUNGE (RFC 7162 §3.2.10, RFC 9586)."""
        return b"QRESYNC" in self._enabled or self.uid_only

    @property
    def knows_global(self) -> bool:
        """The client knows that a message/global is a message with UTF-8 in its header (RFC 6532)."""
        return not self._enabled.isdisjoint(_UTF8)

    @property
    def uid_only(self) -> bool:
        """The client uses no sequence numbers any more (RFC 9586)."""
        return b"UIDONLY" in self._enabled

    def report(self, uids: Iterable[int]) -> None:
        """Tell the client the flags of these messages with the next updates."""
        uids = set(uids)
        self._changed |= uids
        self._owed |= uids

    def arrived(self, after: int) -> list[Span]:
        """The positions of the messages with uids after this one, but for those that this session has made itself."""
        uids, own = self._uids, self._own_told
        start, stop = bisect_right(uids, after, 0, self.count), self.count
        if not own:
            return [(start, stop)] if start < stop else []
        return [(at, at + 1) for at in range(start, stop) if uids[at] not in own]

    def new_keywords(self) -> bytes:
        """FLAGS and PERMANENTFLAGS again when the mailbox has keywords that the client was not told of (§7.2.6)."""
        if len(self.view.keywords) == self._keywords_told:
            return b""
        return self.flags_responses()

    def flags_responses(self) -> bytes:
        """FLAGS and PERMANENTFLAGS (RFC 3501 §6.3.1, §7.1, §7.2.6)."""
        self._keywords_told = len(self.view.keywords)
        self._rights_told = rights = self.rights
        names = [*(name for name, _ in SYSTEM_FLAGS), *self.view.keywords]
        permanent: list[str] = []
        if not self.read_only:  # RFC 4314 §5.1.1: those that may be changed
            mine = permitted(names, rights)
            permanent = [name for name in names if name in mine]
            if self._keywords_told < MAX_KEYWORD_BITS and "w" in rights:
                permanent.append("\\*")
        text = "Flags permitted" if permanent else "No permanent flags permitted"
        line = f"* FLAGS ({' '.join(names)})\r\n* OK [PERMANENTFLAGS ({' '.join(permanent)})] {text}\r\n"
        return line.encode()

    def said_flags(self, uids: Iterable[int]) -> None:
        """The client is told the flags of these messages otherwise: no need to say them again."""
        if self._changed:
            self._changed.difference_update(uids)

    # ---- \Recent and flags

    @property
    def recent_count(self) -> int:
        """How many of the messages that the client knows are \\Recent in this session."""
        return sum([stop - start for start, stop in self.recent_spans()]) if self._recent else 0

    def is_recent(self, uid: int) -> bool:
        return any(lo <= uid < hi for lo, hi in self._recent)

    def flag_lists(self, masks: Sequence[int]) -> list[bytes]:
        """The parenthesized flag list of each mask."""
        return self._flag_lists.of(masks)

    def mask_of(self, flags: Iterable[str]) -> int:
        """The bits of these flags; a keyword that the mailbox does not have has none."""
        return mask_of(flags, tuple(self.view.keywords), grow=False)[0]

    def keyword_bit(self, word: str) -> int:
        """The bit of a keyword in any case, 0 when the mailbox has no such keyword."""
        lower = word.lower()
        for index, known in enumerate(self.view.keywords):
            if known.lower() == lower:
                return 1 << (FIRST_KEYWORD_BIT + index)
        return 0

    # ---- messages by number

    def resolve(self, seqset: SeqSet, *, uid: bool, lenient: bool = False) -> list[Span]:
        """The positions that a sequence set names: ascending, disjoint spans.

        Uids without a message are passed over (RFC 3501 §6.4.8). A sequence number above the last, or "*" in an empty
        mailbox, is the client's mistake (RFC 3501 §9, seq-number); `lenient` passes over those too.
        """
        if uid:
            spans = by_uid(seqset, self.known_uids())
        elif lenient or fits(seqset, self.count):
            spans = by_number(seqset, self.count)
        else:
            raise bad(b"No message has that number")
        return merge([*spans, *by_uid(self._saved, self.known_uids())]) if seqset.saved else spans

    def save_result(self, spans: Sequence[Span]) -> None:
        """Keep what "$" stands for (RFC 5182 §2.1)."""
        self._saved = self.uid_ranges(spans)

    def uid_ranges(self, spans: Sequence[Span]) -> SeqSet:
        """These positions as ranges of uids from the first to the last of a span: no message will ever come to lie
        between them, and those that are expunged are not found any more."""
        uids = self._uids
        return SeqSet(tuple([(uids[start], uids[stop - 1]) for start, stop in spans]))

    def uids_of(self, spans: Sequence[Span]) -> Sequence[int]:
        """The uids at these positions."""
        uids = self._uids
        if len(spans) == 1:
            return uids[slice(*spans[0])]
        found: list[int] = []
        for start, stop in spans:
            found += uids[start:stop]
        return found

    def known_uids(self) -> Sequence[int]:
        """All uids that the client knows, ascending."""
        return self._uids if self.count == len(self._uids) else self._uids[: self.count]

    def gone_among(self, uids: Sequence[int]) -> int:
        """How many of these were expunged by others, without the client knowing yet."""
        return sum(uid in self._gone for uid in uids) if self._gone else 0

    def position(self, uid: int) -> int:
        """Where the client sees this message, or -1."""
        at = bisect_left(self._uids, uid, 0, self.count)
        return at if at < self.count and self._uids[at] == uid else -1

    def rows(self, positions: Sequence[int]) -> Rows:
        """The columns of some messages as they are now; of those already expunged, as they were then."""
        view, uids = self.view, self._uids
        if uids is not view.uids:
            return self._marked(self._looked_up(positions))
        columns = (uids, view.masks, view.sizes, view.dates, view.modseqs, view.content_ids)
        if isinstance(positions, range) and positions.step == 1:
            start, stop = positions.start, positions.stop
            return self._marked(Rows(positions, *(column[start:stop] for column in columns)))
        return self._marked(Rows(positions, *([column[at] for at in positions] for column in columns)))

    def everything(self) -> Rows:
        """All messages the client knows, for reading at once; without RECENT, and perhaps longer than `count`."""
        view = self.view
        whole = (view.uids, view.masks, view.sizes, view.dates, view.modseqs, view.content_ids)
        if self._uids is view.uids:
            return Rows(range(self.count), *whole)
        known = bisect_right(view.uids, self._last_uid)  # the view's columns with those that are gone put back
        gone = sorted(self._gone.values())
        places = [bisect_left(view.uids, lost.uid) for lost in gone]
        were = ("uid", "mask", "size", "date", "modseq", "content_id")
        columns = [
            put_back(column[:known], places, list(map(attrgetter(name), gone)))
            for column, name in zip(whole, were, strict=True)
        ]
        return Rows(range(self.count), *columns)

    def recent_spans(self) -> list[Span]:
        """The positions of the messages that are \\Recent here."""
        uids, count = self._uids, self.count
        return [(bisect_left(uids, lo, 0, count), bisect_left(uids, hi, 0, count)) for lo, hi in self._recent]

    def _looked_up(self, positions: Sequence[int]) -> Rows:
        view, gone = self.view, self._gone
        rows: list[tuple[int, int, int, int, int, int]] = []
        for at in positions:
            uid = self._uids[at]
            if (lost := gone.get(uid)) is not None:
                rows.append((uid, lost.mask, lost.size, lost.date, lost.modseq, lost.content_id))
            else:
                k = view.index(uid)
                rows.append((uid, view.masks[k], view.sizes[k], view.dates[k], view.modseqs[k], view.content_ids[k]))
        columns = zip(*rows, strict=True) if rows else ((),) * 6
        return Rows(positions, *columns)

    def _marked(self, rows: Rows) -> Rows:
        rows.masks = self.with_recent(rows.uids, rows.masks)
        return rows

    def with_recent(self, uids: Sequence[int], masks: Sequence[int]) -> Sequence[int]:
        """The masks with RECENT for messages that are \\Recent here; `uids` ascend."""
        if not self._recent or not uids or b"IMAP4REV2" in self._enabled:
            return masks
        first, last = uids[0], uids[-1]
        near = [(lo, hi) for lo, hi in self._recent if lo <= last and hi > first]
        if not near:
            return masks
        marked = list(masks)
        for lo, hi in near:
            at, end = bisect_left(uids, lo), bisect_left(uids, hi)
            marked[at:end] = [mask | RECENT for mask in marked[at:end]]
        return marked

    def first_unseen(self) -> int:
        """Sequence number of the first message without \\Seen, 0 when there is none (RFC 3501 §7.1 UNSEEN)."""
        if not self.view.mailbox.unseen:
            return 0
        at = self.view.first_unseen()
        return at + 1 if at < self.count else 0
