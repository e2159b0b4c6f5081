"""LIST, LSUB, STATUS, NAMESPACE, CREATE, DELETE, RENAME, SUBSCRIBE: commands about mailboxes as a whole.

Owns: those commands, which attributes a name has. Never: opens a mailbox. Raises: Refused, StoreError.

Every name above an existing one is shown as well, with \\Noselect when there is no mailbox of that name: what is left
where a mailbox with children was deleted (RFC 3501 §6.3.4).
"""

from collections.abc import Iterable, Sequence

from postroom.imap import encode
from postroom.imap.acl import ALL_RIGHTS, myrights_line
from postroom.imap.list_match import DELIMITER, Pattern, canonical, match, parents
from postroom.imap.types import Bare, Create, Delete, List, Rename, Status, StatusItem, Subscribe
from postroom.store.api import Mailbox, NoSuchMailbox

from .others import names_a_space, visible
from .places import SHARED, USERS, Place, is_foreign
from .refusal import no
from .session import Session


async def namespace(session: Session, command: Bare) -> bytes:
    """RFC 2342 §5: the personal namespace is the root."""
    shared = [(SHARED + DELIMITER, DELIMITER)] if session.settings.shared_account else []
    session.send(encode.namespace([("", DELIMITER)], [(USERS + DELIMITER, DELIMITER)], shared))
    return b"OK NAMESPACE completed"


async def create(session: Session, command: Create) -> bytes:
    """RFC 3501 §6.3.3, with a special use (RFC 6154 §3)."""
    place = await _new_place(session, command.mailbox.removesuffix(DELIMITER))
    if command.special_use is not None:
        if place.guest is not None:
            raise no(b"USEATTR", b"Only mailboxes of your own have a use")
        if any(mailbox.special_use == command.special_use for mailbox in await place.account.mailboxes()):
            raise no(b"USEATTR", b"Another mailbox has that use already")
    await place.account.create(place.name, special_use=command.special_use, origin=session.selected)
    return b"OK CREATE completed"


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
    await place.mailbox(b"DELETE")
    await place.account.delete(place.name, origin=session.selected)
    if session.selected is not None and session.selected.deleted:
        session.deselect()
    return b"OK DELETE completed"


async def rename(session: Session, command: Rename) -> bytes:
    """RFC 3501 §6.3.5"""
    old = await session.place(command.old)
    mailbox = await old.mailbox(b"RENAME")
    new = await _new_place(session, command.new.removesuffix(DELIMITER))
    if new.account.account_id != old.account.account_id:
        raise no(b"CANNOT", b"A mailbox stays with its owner; copy its messages")
    if old.guest is not None and mailbox.name == "INBOX":  # its messages would get the rights of their new place
        raise no(b"CANNOT", b"Only its owner can rename an INBOX")
    await old.account.rename(old.name, new.name, origin=session.selected)
    return b"OK RENAME completed"


async def subscribe(session: Session, command: Subscribe) -> bytes:
    """SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7). They belong to who subscribes, also to what others share; as
    the mailbox need not exist, no right is needed (RFC 4314 §4)."""
    await session.account.subscribe(command.mailbox.removesuffix(DELIMITER), command.on, origin=session.selected)
    return b"OK SUBSCRIBE completed" if command.on else b"OK UNSUBSCRIBE completed"


async def status(session: Session, command: Status) -> bytes:
    """RFC 3501 §6.3.10"""
    mailbox = await (await session.place(command.mailbox)).mailbox(b"STATUS")
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
        mailboxes, rights = await _own_and_others(session, command, subscribed)
        lines = _Listing(session, command, mailboxes, subscribed, rights).lines()
    await session.emit(b"".join(lines))
    return b"OK LSUB completed" if command.lsub else b"OK LIST completed"


def _needs_subscriptions(command: List) -> bool:
    return b"SUBSCRIBED" in command.select_options or b"SUBSCRIBED" in command.return_options


async def _own_and_others(
    session: Session, command: List, subscribed: frozenset[str]
) -> tuple[list[Mailbox], dict[str, str]]:
    """The mailboxes that the person may see, called as they see them, and the rights to those of others."""
    mailboxes = await session.account.mailboxes()
    patterns = [canonical(command.reference, pattern) for pattern in command.patterns]
    if b"SUBSCRIBED" not in command.select_options:
        subscribed = frozenset()
    if not any(map(names_a_space, patterns)) and not any(map(is_foreign, subscribed)):
        return mailboxes, {}
    others = await visible(session, patterns, subscribed)
    return [*mailboxes, *(mailbox for mailbox, _ in others.values())], {n: rights for n, (_, rights) in others.items()}


class _Listing:
    """One LIST with its options."""

    def __init__(
        self,
        session: Session,
        command: List,
        mailboxes: Sequence[Mailbox],
        subscribed: frozenset[str],
        rights: dict[str, str],
    ) -> None:
        self._session = session
        self._command = command
        self._mailboxes = {mailbox.name: mailbox for mailbox in mailboxes}
        self._subscribed = subscribed
        self._rights = rights  # of others' mailboxes; the person's own have all
        self._with_children = parents(self._mailboxes)
        self._selection = [option for option in command.select_options if option in (b"SUBSCRIBED", b"SPECIAL-USE")]
        patterns = [canonical(command.reference, pattern) for pattern in command.patterns if pattern]
        self._patterns = [Pattern(pattern) for pattern in patterns]
        self._for_others = self._patterns
        if b"SUBSCRIBED" not in self._selection:  # see others.py
            self._for_others = [Pattern(pattern) for pattern in patterns if names_a_space(pattern)]

    def lines(self) -> list[bytes]:
        selected = self._selected()
        matching = {name for name in selected if self._matches(name)}
        childinfo: set[str] = set()
        shown = matching
        if b"RECURSIVEMATCH" in self._command.select_options:  # RFC 5258 §3.5
            childinfo = parents(selected)
            hidden = parents(name for name in selected if name not in matching)
            shown = matching | {name for name in hidden if self._matches(name)}
        lines: list[bytes] = []
        with_rights = b"MYRIGHTS" in self._command.return_options
        for name in sorted(shown, key=_order):
            lines.append(self._line(name, name in childinfo))
            if with_rights and name in matching and name in self._mailboxes:  # RFC 8440 §3
                rights = self._rights.get(name, ALL_RIGHTS)
                lines.append(myrights_line(self._session.mailbox_name(name), rights))
        return lines

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
