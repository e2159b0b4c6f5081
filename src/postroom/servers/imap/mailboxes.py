"""LIST, LSUB, STATUS, NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE: commands about mailboxes as a whole.

Owns: those commands, which attributes a name has. Never: opens a mailbox. Raises: Refused, StoreError.

Every name above an existing one is shown as well, with \\Noselect when there is no mailbox of that name: what is left
where a mailbox with children was deleted (RFC 3501 §6.3.4).
"""

from collections.abc import Iterable, Sequence

from postroom.imap import encode
from postroom.imap.list_match import DELIMITER, Pattern, canonical, match, parents
from postroom.imap.types import Bare, Create, Delete, List, Rename, Status, StatusItem, Subscribe
from postroom.store.api import Mailbox

from .refusal import no
from .session import Session


async def namespace(session: Session, command: Bare) -> bytes:
    """RFC 2342: one personal namespace, the root."""
    session.send(encode.namespace([("", DELIMITER)]))
    return b"OK NAMESPACE completed"


async def create(session: Session, command: Create) -> bytes:
    """RFC 3501 §6.3.3, with a special use (RFC 6154 §3)."""
    name = command.mailbox.removesuffix(DELIMITER)
    if command.special_use is not None and any(
        mailbox.special_use == command.special_use for mailbox in await session.account.mailboxes()
    ):
        raise no(b"USEATTR", b"Another mailbox has that use already")
    await session.account.create(name, special_use=command.special_use, origin=session.selected)
    return b"OK CREATE completed"


async def delete(session: Session, command: Delete) -> bytes:
    """RFC 3501 §6.3.4. A session that deletes its own selected mailbox is in the authenticated state afterwards."""
    await session.account.delete(command.mailbox, origin=session.selected)
    if session.selected is not None and session.selected.deleted:
        session.deselect()
    return b"OK DELETE completed"


async def rename(session: Session, command: Rename) -> bytes:
    """RFC 3501 §6.3.5"""
    await session.account.rename(command.old, command.new.removesuffix(DELIMITER), origin=session.selected)
    return b"OK RENAME completed"


async def subscribe(session: Session, command: Subscribe) -> bytes:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7)."""
    await session.account.subscribe(command.mailbox.removesuffix(DELIMITER), command.on, origin=session.selected)
    return b"OK SUBSCRIBE completed" if command.on else b"OK UNSUBSCRIBE completed"


async def status(session: Session, command: Status) -> bytes:
    """RFC 3501 §6.3.10"""
    mailbox = await session.account.mailbox(command.mailbox)
    values = {
        StatusItem.MESSAGES: mailbox.messages,
        StatusItem.RECENT: mailbox.recent,
        StatusItem.UIDNEXT: mailbox.uid_next,
        StatusItem.UIDVALIDITY: mailbox.uid_validity,
        StatusItem.UNSEEN: mailbox.unseen,
    }
    items = [b"%b %d" % (item.value, values[item]) for item in command.items]
    session.send(encode.status_line(session.mailbox_name(command.mailbox), items))
    return b"OK STATUS completed"


async def list_(session: Session, command: List) -> bytes:
    """LIST (RFC 3501 §6.3.8, RFC 5258) and LSUB (RFC 3501 §6.3.9)."""
    if command.lsub:
        names = await session.account.subscriptions()
        lines = [
            encode.list_line(() if found.listed else ("\\Noselect",), session.mailbox_name(found.name), lsub=True)
            for found in match(names, command.reference, command.patterns)
        ]
    elif command.patterns == ("",) and not command.extended:
        lines = [encode.list_line(("\\Noselect",), b'""')]  # RFC 3501 §6.3.8: only the delimiter is asked for
    else:
        subscribed = frozenset(await session.account.subscriptions()) if _needs_subscriptions(command) else frozenset()
        lines = _Listing(session, command, await session.account.mailboxes(), subscribed).lines()
    await session.emit(b"".join(lines))
    return b"OK LSUB completed" if command.lsub else b"OK LIST completed"


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
        self._selection = [option for option in command.select_options if option in (b"SUBSCRIBED", b"SPECIAL-USE")]
        self._patterns = [Pattern(canonical(command.reference, pattern)) for pattern in command.patterns if pattern]

    def lines(self) -> list[bytes]:
        selected = self._selected()
        matching = {name for name in selected if self._matches(name)}
        childinfo: set[str] = set()
        shown = matching
        if b"RECURSIVEMATCH" in self._command.select_options:  # RFC 5258 §3.5
            childinfo = parents(selected)
            hidden = parents(name for name in selected if name not in matching)
            shown = matching | {name for name in hidden if self._matches(name)}
        return [self._line(name, name in childinfo) for name in sorted(shown, key=_order)]

    def _selected(self) -> set[str]:
        """The names that meet the selection criteria."""
        if not self._selection:
            return {*self._mailboxes, *self._with_children}
        names: Iterable[str] = self._subscribed if b"SUBSCRIBED" in self._selection else self._mailboxes
        if b"SPECIAL-USE" in self._selection:  # RFC 6154 §2
            names = [name for name in names if (box := self._mailboxes.get(name)) is not None and box.special_use]
        return set(names)

    def _matches(self, name: str) -> bool:
        return any(pattern.matches(name) for pattern in self._patterns)

    def _line(self, name: str, childinfo: bool) -> bytes:
        mailbox = self._mailboxes.get(name)
        attributes: list[str] = []
        if mailbox is None:
            attributes.append("\\NonExistent" if self._command.extended else "\\Noselect")
        # RFC 3348 §3, RFC 5258 §4
        attributes.append("\\HasChildren" if name in self._with_children else "\\HasNoChildren")
        if name in self._subscribed:
            attributes.append("\\Subscribed")
        if mailbox is not None and mailbox.special_use is not None:
            attributes.append(mailbox.special_use)
        more = b""
        if childinfo:
            more = b' ("CHILDINFO" (%b))' % b" ".join(b'"%b"' % option for option in self._selection)
        return encode.list_line(attributes, self._session.mailbox_name(name), more=more)


def _order(name: str) -> tuple[bool, str]:
    return name != "INBOX", name
