"""Which mailboxes of other people a LIST may show.

Owns: whose mailboxes a pattern can mean, and which of them the person may see (RFC 4314 §4). Never: matches a name
(imap.list_match does). Raises: StoreError.

A wildcard does not match the beginning of a name in another namespace: `LIST "" *` shows a person's own mailboxes, and
`LIST "" "#user/*"` the others'. RFC 3501 §6.3.8 allows it; a client that reads NAMESPACE (RFC 2342), and all that show
other people's mailboxes do, asks for each namespace by its prefix, and one that does not would take a thousand shared
mailboxes for its own, synchronize them, and look for a folder for sent mail among them. What a person has subscribed
to is theirs: SUBSCRIBED, like LSUB, shows it wherever it is.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from postroom.accounts.api import Person
from postroom.imap.list_match import DELIMITER
from postroom.store.api import Mailbox, NoSuchAccount, NoSuchMailbox
from postroom.store.names import canonical

from .places import SHARED, USERS, is_foreign, owner_of, shown
from .rights import ANYONE, NEEDED, effective, meets
from .session import Session

_WILDCARD = re.compile(r"[*%]")


@dataclass(frozen=True, slots=True)
class Other:
    """A mailbox of another person's that may be shown."""

    mailbox: Mailbox  # under the name by which this session's client knows it
    account_id: int
    rights: str

    def may(self, command: bytes) -> bool:
        """Whether a command may be given for it."""
        return meets(self.rights, NEEDED[command])


def names_a_space(pattern: str) -> bool:
    """Whether a canonical pattern is for other namespaces: it begins with "#" itself, not with a wildcard."""
    return pattern.startswith("#")


async def visible(session: Session, patterns: Sequence[str], subscribed: Iterable[str]) -> dict[str, Other]:
    """All visible mailboxes of every account that the patterns, or these subscribed names, may lead to, by name.

    More than match: a mailbox has children whether the pattern means them or not.
    """
    found: dict[str, Other] = {}
    subscribed = [name for name in subscribed if is_foreign(name)]
    store = session.service.store
    for space, person in await _owners(session, patterns, subscribed):
        try:
            account = await store.open(person.account_id)  # there may be many: none stays open
        except NoSuchAccount:
            continue  # just being removed
        try:
            mailboxes = await account.mailboxes()
        finally:
            account.close()
        for mailbox in mailboxes:
            rights = effective(mailbox.acl, session.address)
            if "l" in rights:
                name = shown(space, mailbox.name, person.address)
                # RFC 6154 §2: where other people keep what they sent is nothing for this person's client
                found[name] = Other(replace(mailbox, name=name, special_use=None), person.account_id, rights)
        await session.breathe()
    for name in subscribed:
        if name not in found and (other := found.get(await _usual(session, name))) is not None:
            found[name] = replace(other, mailbox=replace(other.mailbox, name=name))
    return found


async def _usual(session: Session, name: str) -> str:
    """The name under which a mailbox is shown that was subscribed as "#user/BOB@x.example/inbox"."""
    try:
        person, rest = await owner_of(session, name)
    except NoSuchMailbox:
        return ""
    return shown(name.partition(DELIMITER)[0], canonical(rest), person.address)


async def _owners(session: Session, patterns: Sequence[str], subscribed: Iterable[str]) -> list[tuple[str, Person]]:
    """Whose mailboxes to look at, in which namespace: neither the person's own nor those of people who have left."""
    found: dict[tuple[str, int], Person] = {}
    heads = [_WILDCARD.split(pattern, 1)[0] for pattern in patterns if names_a_space(pattern)]
    shared: Person | None = None
    if session.settings.shared_account:
        shared = await session.service.directory.find(session.settings.shared_account)
    if shared is not None and any(_may_begin(head, SHARED + DELIMITER) for head in heads):
        found[SHARED, shared.account_id] = shared
    if any(_may_begin(head, USERS + DELIMITER) for head in heads):
        for account_id in await session.service.store.sharers((ANYONE, session.address)):
            person = await session.service.directory.person(account_id)
            if person is None or person == shared:
                continue
            if any(_may_begin(head, shown(USERS, "", person.address)) for head in heads):
                found[USERS, account_id] = person
    for name in subscribed:
        try:
            person, _ = await owner_of(session, name)
        except NoSuchMailbox:
            continue
        found[name.partition(DELIMITER)[0], person.account_id] = person
    own = session.account.account_id
    if not await session.is_active():
        return []
    return [(space, person) for (space, _), person in found.items() if person.enabled and person.account_id != own]


def _may_begin(head: str, prefix: str) -> bool:
    """Whether a name with this prefix can match a pattern that begins with `head`."""
    return head.startswith(prefix) or prefix.startswith(head)
