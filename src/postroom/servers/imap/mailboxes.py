"""LIST, LSUB, NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE: commands about mailboxes as a whole.

Owns: those commands, which attributes a name has. Never: opens a mailbox. Raises: Refused, StoreError.

Every name above an existing one is shown as well, with \\Noselect when there is no mailbox of that name: what is left
where a mailbox with children was deleted (RFC 3501 §6.3.4).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from postroom.imap import encode
from postroom.imap.acl import ALL_RIGHTS, myrights_line
from postroom.imap.list_match import CHARACTERS_A_TURN, DELIMITER, Pattern, canonical, match_pieces, parents
from postroom.imap.types import Bare, Create, Delete, List, Rename, Subscribe
from postroom.store.api import Mailbox, NoSuchMailbox
from postroom.store.names import canonical as stored_name

from .metadata import list_metadata
from .naming import list_response
from .object_ids import mailbox_id
from .others import Other, names_a_space, visible
from .places import SHARED, USERS, Place, is_foreign
from .refusal import no
from .session import Session
from .status import StatusLines


async def namespace(session: Session, command: Bare) -> bytes:
    """RFC 2342 §5: the personal namespace is the root."""
    shared = [(SHARED + DELIMITER, DELIMITER)] if session.settings.shared_account else []
    session.send(encode.namespace([("", DELIMITER)], [(USERS + DELIMITER, DELIMITER)], shared))
    return b"OK NAMESPACE completed"


async def create(session: Session, command: Create) -> bytes:
    """RFC 3501 §6.3.3, with a special use (RFC 6154 §3)."""
    place = await _new_place(session, _to_make(session, command.mailbox))
    if command.special_use is not None:
        if place.guest is not None:
            raise no(b"USEATTR", b"Only mailboxes of your own have a use")
        if any(mailbox.special_use == command.special_use for mailbox in await place.account.mailboxes()):
            raise no(b"USEATTR", b"Another mailbox has that use already")
    made = await place.account.create(place.name, special_use=command.special_use, origin=session.origin)
    _tell_name(session, place, made, command.mailbox.removesuffix(DELIMITER))
    code = mailbox_id(place.account.account_id, made.mailbox_id)  # RFC 8474 §4.1
    return b"OK [MAILBOXID (%b)] CREATE completed" % code


def _to_make(session: Session, name: str) -> str:
    """RFC 9051 §5.1, RFC 6855 §3: a name that is not Net-Unicode is converted. Older clients would look for their own
    spelling of it in what LIST says."""
    name = name.removesuffix(DELIMITER)
    return unicodedata.normalize("NFC", name) if session.utf8 else name


def _tell_name(session: Session, place: Place, mailbox: Mailbox, given: str) -> None:
    """Where what the client has named otherwise is found now (RFC 9051 §6.3.9.7)."""
    if b"IMAP4REV2" in session.enabled and place.shown(mailbox.name) != given:
        session.send(list_response(session, place, mailbox, given))


async def _new_place(session: Session, name: str) -> Place:
    """Where a mailbox may be made. Raises Refused, alike for who does not exist and who shares nothing."""
    if is_foreign(name) and name.count(DELIMITER) < (2 if name.startswith(USERS + DELIMITER) else 1):
        raise no(b"CANNOT", b"That is where other people's mailboxes are")
    try:
        place = await session.place(name)
    except NoSuchMailbox:
        raise no(b"NOPERM", b"You have no right to create mailboxes there") from None
    if is_foreign(place.name):  # as a mailbox of that account it could never be reached
        raise no(b"CANNOT", b"That name is reserved")
    await place.check_create()
    return place


async def delete(session: Session, command: Delete) -> bytes:
    """RFC 3501 §6.3.4. A session that deletes its own selected mailbox is in the authenticated state afterwards."""
    place = await session.place(command.mailbox)
    mailbox = await place.mailbox(b"DELETE")
    await place.account.delete(place.name, origin=session.origin)
    name = place.shown(mailbox.name)
    if b"IMAP4REV2" in session.enabled and name != command.mailbox:  # RFC 9051 §6.3.5
        old_name = b' ("OLDNAME" (%b))' % session.mailbox_name(command.mailbox)
        session.send(encode.list_line(["\\NonExistent"], session.mailbox_name(name), more=old_name))
    if session.selected is not None and session.selected.deleted:
        session.deselect()
    return b"OK DELETE completed"


async def rename(session: Session, command: Rename) -> bytes:
    """RFC 3501 §6.3.5"""
    old = await session.place(command.old)
    mailbox: Mailbox | None = None
    try:
        mailbox = await old.mailbox(b"RENAME")
    except NoSuchMailbox:  # a level of hierarchy of one's own: what is below it is renamed
        if old.guest is not None:
            raise
    new = await _new_place(session, _to_make(session, command.new))
    if new.account.account_id != old.account.account_id:
        raise no(b"CANNOT", b"A mailbox stays with its owner; copy its messages")
    is_inbox = mailbox is not None and mailbox.name == "INBOX"
    if old.guest is not None and is_inbox:  # its messages would get the rights of their new place
        raise no(b"CANNOT", b"Only its owner can rename an INBOX")
    await old.account.rename(old.name, new.name, origin=session.origin)
    if b"IMAP4REV2" in session.enabled and mailbox is not None and not is_inbox:  # RFC 9051 §6.3.6: it is still there
        _tell_name(session, new, await new.account.mailbox(new.name), command.old)
    return b"OK RENAME completed"


async def subscribe(session: Session, command: Subscribe) -> bytes:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7). They belong to who subscribes, also to what others share.

    Only what exists, or is subscribed already, can be subscribed; a name stays subscribed when its mailbox goes, until
    the client takes it off.
    """
    name = command.mailbox.removesuffix(DELIMITER)
    if command.on:
        try:
            await (await session.place(name)).mailbox(b"LIST")
        except NoSuchMailbox:
            if stored_name(name) not in await session.account.subscriptions():
                raise
    await session.account.subscribe(name, command.on, origin=session.origin)
    return b"OK SUBSCRIBE completed" if command.on else b"OK UNSUBSCRIBE completed"


async def list_(session: Session, command: List) -> bytes:
    """LIST (RFC 3501 §6.3.8, RFC 5258) and LSUB (RFC 3501 §6.3.9)."""
    if command.lsub:
        names = await session.account.subscriptions()
        for piece in match_pieces(names, command.reference, command.patterns):
            lines = [
                encode.list_line(() if found.listed else ("\\Noselect",), session.mailbox_name(found.name), lsub=True)
                for found in piece
            ]
            await session.emit(b"".join(lines))
            await session.breathe()
        return b"OK LSUB completed"
    if command.patterns == ("",) and not command.extended:
        session.send(encode.list_line(("\\Noselect",), b'""'))  # RFC 3501 §6.3.8: only the delimiter is asked for
    else:
        await _list(session, command)
    return b"OK LIST completed"


async def _list(session: Session, command: List) -> None:
    """Some mailboxes at a time, each with the responses RETURN asks for (RFC 5819 §2, RFC 8440 §3, RFC 9590 §3)."""
    status = StatusLines(session, command.status) if command.status else None
    subscribed = frozenset(await session.account.subscriptions()) if _needs_subscriptions(command) else frozenset()
    mailboxes = await session.account.mailboxes()
    others = await _others(session, command, subscribed)
    listing = _Listing(session, command, [*mailboxes, *(other.mailbox for other in others.values())], subscribed)
    await listing.match()
    found = listing.lines()
    at_once = max(1, session.settings.list_batch_mailboxes * 8 // (8 + len(command.metadata)))
    with_rights = b"MYRIGHTS" in command.return_options
    while batch := list(islice(found, at_once)):
        metadata = await _metadata(session, command, batch, others) if command.metadata else {}
        lines: list[bytes] = []
        for line, name, mailbox in batch:
            lines.append(line)
            if mailbox is not None:
                other = others.get(mailbox.name)
                if with_rights:
                    lines.append(myrights_line(name, other.rights if other is not None else ALL_RIGHTS))
                if status is not None and (other is None or other.may(b"STATUS")):
                    account = session.account if other is None else await session.visits.account(other.account_id)
                    lines.append(await status.line(account, mailbox, name))
                    session.visits.trim()
                lines.append(metadata.get(name, b""))
        await session.emit(b"".join(lines))
        await session.breathe()


async def _others(session: Session, command: List, subscribed: frozenset[str]) -> dict[str, Other]:
    """The mailboxes of others that this LIST may show, by the names they are shown under."""
    patterns = [canonical(command.reference, pattern) for pattern in command.patterns]
    if b"SUBSCRIBED" not in command.select_options:
        subscribed = frozenset()
    if not any(map(names_a_space, patterns)) and not any(map(is_foreign, subscribed)):
        return {}
    return await visible(session, patterns, subscribed)


async def _metadata(
    session: Session, command: List, batch: Sequence[tuple[bytes, bytes, Mailbox | None]], others: dict[str, Other]
) -> dict[bytes, bytes]:
    """METADATA responses by name, those of each account at once (RFC 9590 §3)."""
    by_account: dict[int, list[tuple[bytes, Mailbox]]] = {}
    for _, name, mailbox in batch:
        if mailbox is None:
            continue
        other = others.get(mailbox.name)
        if other is None:
            by_account.setdefault(session.account.account_id, []).append((name, mailbox))
        elif other.may(b"GETMETADATA"):
            by_account.setdefault(other.account_id, []).append((name, mailbox))
    found: dict[bytes, bytes] = {}
    for account_id, existing in by_account.items():
        own = account_id == session.account.account_id
        account = session.account if own else await session.visits.account(account_id)
        found.update(await list_metadata(session, account, existing, command.metadata))
        session.visits.trim()
    return found


def _needs_subscriptions(command: List) -> bool:
    return b"SUBSCRIBED" in command.select_options or b"SUBSCRIBED" in command.return_options


class _Listing:
    """One LIST with its options."""

    def __init__(
        self, session: Session, command: List, mailboxes: Sequence[Mailbox], subscribed: frozenset[str]
    ) -> None:
        self._session = session
        self._command = command
        self._mailboxes = {mailbox.name: mailbox for mailbox in mailboxes}
        self._subscribed = subscribed
        self._with_children = parents(self._mailboxes)
        # RFC 5258 §4, RFC 9051 §7.3.1: \\NonExistent implies \\Noselect, which is all that older clients know
        knows = command.extended or b"IMAP4REV2" in session.enabled
        self._absent = "\\NonExistent" if knows else "\\Noselect"
        self._selection = [option for option in command.select_options if option in (b"SUBSCRIBED", b"SPECIAL-USE")]
        patterns = [canonical(command.reference, pattern) for pattern in command.patterns if pattern]
        self._patterns = [Pattern(pattern) for pattern in patterns]
        self._for_others = self._patterns
        if b"SUBSCRIBED" not in self._selection:  # see others.py
            self._for_others = [Pattern(pattern) for pattern in patterns if names_a_space(pattern)]
        self._matching: set[str] = set()

    async def match(self) -> None:
        """Find the names that match; `lines` tells of them. Others have their turn in between."""
        characters = 0
        names = self._selected()
        for name in names | parents(names):
            if self._matches(name):
                self._matching.add(name)
            characters += len(name) * len(self._patterns)
            if characters > CHARACTERS_A_TURN:
                characters = 0
                await self._session.breathe()

    def lines(self) -> Iterator[tuple[bytes, bytes, Mailbox | None]]:
        """LIST responses; the names in them; the mailboxes, where they exist and meet the selection criteria."""
        selected = self._selected()
        matching = selected & self._matching
        childinfo: set[str] = set()
        shown = matching
        if b"RECURSIVEMATCH" in self._command.select_options:  # RFC 5258 §3.5
            childinfo = parents(selected)
            hidden = parents(name for name in selected if name not in matching)
            shown = matching | hidden & self._matching
        for name in sorted(shown, key=_order):
            wire_name = self._session.mailbox_name(name)
            mailbox = self._mailboxes.get(name) if name in matching else None
            yield self._line(name, wire_name, name in childinfo), wire_name, mailbox

    def _selected(self) -> set[str]:
        """The names that meet the selection criteria."""
        if not self._selection:
            return {*self._mailboxes, *self._with_children}
        names: Iterable[str] = self._subscribed if b"SUBSCRIBED" in self._selection else self._mailboxes
        if b"SPECIAL-USE" in self._selection:  # RFC 6154 §2
            names = [name for name in names if (box := self._mailboxes.get(name)) is not None and box.special_use]
        return set(names)

    def _matches(self, name: str) -> bool:
        patterns = self._for_others if is_foreign(name) else self._patterns
        return any(pattern.matches(name) for pattern in patterns)

    def _line(self, name: str, wire_name: bytes, childinfo: bool) -> bytes:
        mailbox = self._mailboxes.get(name)
        attributes: list[str] = []
        if mailbox is None:
            attributes.append(self._absent)
        # RFC 3348 §3, RFC 5258 §4
        attributes.append("\\HasChildren" if name in self._with_children else "\\HasNoChildren")
        if name in self._subscribed:
            attributes.append("\\Subscribed")
        if mailbox is not None and mailbox.special_use is not None:
            attributes.append(mailbox.special_use)
        more = b""
        if childinfo:
            more = b' ("CHILDINFO" (%b))' % b" ".join(b'"%b"' % option for option in self._selection)
        return encode.list_line(attributes, wire_name, more=more)


def _order(name: str) -> tuple[bool, str]:
    return name != "INBOX", name
