"""LIST, LSUB, NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE: commands about mailboxes as a whole.

Owns: those commands, which attributes a name has. Never: opens a mailbox. Raises: Refused, StoreError.

Every name above an existing one is shown as well, with \\Noselect when there is no mailbox of that name: what is left
where a mailbox with children was deleted (RFC 3501 §6.3.4).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from postroom.imap import encode
from postroom.imap.list_match import CHARACTERS_A_TURN, DELIMITER, Pattern, canonical, match_pieces, parents
from postroom.imap.types import Bare, Create, Delete, List, Rename, Subscribe
from postroom.store.api import Mailbox
from postroom.store.names import canonical as stored_name

from .metadata import list_metadata
from .object_ids import mailbox_id
from .refusal import no
from .session import Session
from .status import StatusLines


async def namespace(session: Session, command: Bare) -> bytes:
    """RFC 2342: one personal namespace, the root."""
    session.send(encode.namespace([("", DELIMITER)]))
    return b"OK NAMESPACE completed"


async def create(session: Session, command: Create) -> bytes:
    """RFC 3501 §6.3.3, with a special use (RFC 6154 §3)."""
    name = _to_make(session, command.mailbox)
    if command.special_use is not None and any(
        mailbox.special_use == command.special_use for mailbox in await session.account.mailboxes()
    ):
        raise no(b"USEATTR", b"Another mailbox has that use already")
    made = await session.account.create(name, special_use=command.special_use, origin=session.selected)
    _tell_name(session, made, command.mailbox.removesuffix(DELIMITER))
    code = mailbox_id(session.account.account_id, made.mailbox_id)  # RFC 8474 §4.1
    return b"OK [MAILBOXID (%b)] CREATE completed" % code


def _to_make(session: Session, name: str) -> str:
    """RFC 9051 §5.1: a name that is not Net-Unicode is converted. Older clients would not look for it there."""
    name = name.removesuffix(DELIMITER)
    return unicodedata.normalize("NFC", name) if b"IMAP4REV2" in session.enabled else name


def _tell_name(session: Session, mailbox: Mailbox, given: str) -> None:
    """Where what the client has named otherwise is found now (RFC 9051 §6.3.9.7)."""
    if b"IMAP4REV2" in session.enabled and mailbox.name != given:
        attributes = ["\\Subscribed"] if mailbox.subscribed else []
        if mailbox.special_use is not None:
            attributes.append(mailbox.special_use)
        old_name = b' ("OLDNAME" (%b))' % session.mailbox_name(given)
        session.send(encode.list_line(attributes, session.mailbox_name(mailbox.name), more=old_name))


async def delete(session: Session, command: Delete) -> bytes:
    """RFC 3501 §6.3.4. A session that deletes its own selected mailbox is in the authenticated state afterwards."""
    await session.account.delete(command.mailbox, origin=session.selected)
    name = stored_name(command.mailbox)
    if b"IMAP4REV2" in session.enabled and name != command.mailbox:  # RFC 9051 §6.3.5
        old_name = b' ("OLDNAME" (%b))' % session.mailbox_name(command.mailbox)
        session.send(encode.list_line(["\\NonExistent"], session.mailbox_name(name), more=old_name))
    if session.selected is not None and session.selected.deleted:
        session.deselect()
    return b"OK DELETE completed"


async def rename(session: Session, command: Rename) -> bytes:
    """RFC 3501 §6.3.5"""
    new = _to_make(session, command.new)
    await session.account.rename(command.old, new, origin=session.selected)
    if b"IMAP4REV2" in session.enabled and command.old != "INBOX":  # RFC 9051 §6.3.6: INBOX is still there
        _tell_name(session, await session.account.mailbox(new), command.old)
    return b"OK RENAME completed"


async def subscribe(session: Session, command: Subscribe) -> bytes:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7)."""
    await session.account.subscribe(command.mailbox.removesuffix(DELIMITER), command.on, origin=session.selected)
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
    """Some mailboxes at a time, each with the responses that RETURN asks for (RFC 5819 §2, RFC 9590 §3)."""
    status = StatusLines(session, command.status) if command.status else None
    account = session.account
    subscribed = frozenset(await account.subscriptions()) if _needs_subscriptions(command) else frozenset()
    listing = _Listing(session, command, await account.mailboxes(), subscribed)
    await listing.match()
    found = listing.lines()
    at_once = max(1, session.settings.list_batch_mailboxes * 8 // (8 + len(command.metadata)))
    while batch := list(islice(found, at_once)):
        metadata: dict[bytes, bytes] = {}
        if command.metadata:
            existing = [(name, mailbox) for _, name, mailbox in batch if mailbox is not None]
            metadata = await list_metadata(session, account, existing, command.metadata)
        lines: list[bytes] = []
        for line, name, mailbox in batch:
            lines.append(line)
            if mailbox is not None:
                if status is not None:
                    lines.append(await status.line(account, mailbox, name))
                lines.append(metadata.get(name, b""))
        await session.emit(b"".join(lines))
        await session.breathe()


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
        self._patterns = [Pattern(canonical(command.reference, pattern)) for pattern in command.patterns if pattern]
        self._matching: set[str] = set()

    async def match(self) -> None:
        """Find the names that match; `lines` tells of them. Others have their turn in between."""
        characters = 0
        names = self._selected()
        for name in names | parents(names):
            if any(pattern.matches(name) for pattern in self._patterns):
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
