"""Where a mailbox name leads: to an account, and to a mailbox of it (RFC 2342 §5).

Owns: the three namespaces, Place, the other accounts that a session has open. Never: opens a mailbox. Raises: Refused,
NoSuchMailbox, what the store raises.

    Sent                          the person's own
    #user/bob@x.example/Sent      another person's
    #shared/Sales                 the mailboxes of the account that `imap.shared_account` names

A name that leads to nobody, or to somebody who shares nothing, is answered like a mailbox that does not exist
(RFC 4314 §6).
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.accounts.api import Person
from postroom.imap.acl import ALL_RIGHTS
from postroom.imap.list_match import DELIMITER
from postroom.store.api import Account, Mailbox, NoSuchAccount, NoSuchMailbox
from postroom.store.names import INBOX

from .refusal import Refused, answer_to, no
from .rights import ANYONE, NEEDED, effective, meets

if TYPE_CHECKING:
    from .session import Session

USERS, SHARED = "#user", "#shared"
SPACES = (USERS, SHARED)
_MOST = 4  # times as many accounts as a session keeps open may one command have open
# The address may have "/" in its local part: it goes on to the first one behind its "@" (RFC 5322 §3.4.1)
_OF_USER = re.compile(r"#user/((?:[^@]*@)?[^/]+)/(.+)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox name, resolved; there need be no such mailbox."""

    account: Account
    name: str  # within that account
    guest: str | None = None  # who asks, by address, when the account is another person's
    prefix: str = ""  # what the client's name has before it

    def rights(self, mailbox: Mailbox) -> str:
        """What the session's person may do with a mailbox of this account."""
        return ALL_RIGHTS if self.guest is None else effective(mailbox.acl, self.guest)

    def tells_uids(self, mailbox: Mailbox) -> bool:
        """Whether an answer may say which UIDs messages have got there: APPENDUID and COPYUID would tell something of a
        mailbox that the person can't open (RFC 4315 §3, RFC 9051 §6.3.12, §6.4.7)."""
        return meets(self.rights(mailbox), NEEDED[b"SELECT"])

    def shown(self, name: str) -> str:
        """What the client calls another mailbox of this account."""
        return self.prefix + name

    async def mailbox(self, command: bytes = b"SELECT") -> Mailbox:
        """The mailbox, if `command` may be given for it (RFC 4314 §4). Raises NoSuchMailbox, Refused."""
        mailbox = await self.account.mailbox(self.name)
        self.check(mailbox, command)
        return mailbox

    def check(self, mailbox: Mailbox, command: bytes) -> None:
        """Raises Refused, and for who may not know of the mailbox NoSuchMailbox (RFC 4314 §6)."""
        if self.guest is None:
            return
        rights = effective(mailbox.acl, self.guest)
        if meets(rights, NEEDED.get(command, ("r",))):
            return
        if "l" not in rights:
            raise NoSuchMailbox(f"{self.name} of account {self.account.account_id}, to {self.guest}")
        raise no(b"NOPERM", b"You have no right to do that")  # RFC 5530 §3

    async def check_create(self) -> None:
        """RFC 4314 §4: "k" on the nearest mailbox above. Without one, only the owner may; the answer tells nothing."""
        if self.guest is None:
            return
        above = self.name
        while DELIMITER in above:
            above = above.rpartition(DELIMITER)[0]
            try:
                parent = await self.account.mailbox(above)
            except NoSuchMailbox:
                continue
            if meets(self.rights(parent), NEEDED[b"CREATE"]):
                return
            break
        raise no(b"NOPERM", b"You have no right to create mailboxes there")

    async def no_target(self, error: NoSuchMailbox) -> Refused:
        """The answer where messages can't go: TRYCREATE only if that can succeed (RFC 3501 §6.3.11)."""
        try:
            await self.check_create()
        except Refused:
            return Refused(answer_to(error))
        return Refused(answer_to(error, try_create=True))


def is_foreign(name: str) -> bool:
    """Whether a name, or the level that it is, is in another namespace than the personal one."""
    return name.partition(DELIMITER)[0] in SPACES


def is_account(name: str) -> bool:
    """Whether a name is the level above all mailboxes of another account: "#shared", "#user/bob@x.example"."""
    if not is_foreign(name):
        return False
    return name == SHARED or (_OF_USER.match(name) is None and _OF_USER.match(name + "/x") is not None)


async def resolve_tree(session: "Session", name: str) -> tuple[Place, str]:
    """Where the tree below a name is, and how the names there begin within the account. Raises NoSuchMailbox."""
    if is_account(name):
        return await resolve(session, f"{name}{DELIMITER}{INBOX}"), ""
    place = await resolve(session, name)
    return place, place.name + DELIMITER


def shown(space: str, name: str, address: str = "") -> str:
    """What a mailbox of another account is called."""
    return DELIMITER.join((space, address, name) if space == USERS else (space, name))


async def owner_of(session: "Session", name: str) -> tuple[Person, str]:
    """Whose mailbox a name of another namespace is, and what it is called there. Raises NoSuchMailbox."""
    space, _, rest = name.partition(DELIMITER)
    username = ""
    if space == SHARED:
        username = session.settings.shared_account
    elif (found := _OF_USER.match(name)) is not None:
        username, rest = found.groups()
    else:
        rest = ""  # "#user", "#user/bob@x.example": levels only
    person = await session.service.directory.find(username) if username and rest else None
    if person is None or not person.enabled:
        raise NoSuchMailbox(name)
    return person, rest


async def resolve(session: "Session", name: str) -> Place:
    """Which account has the mailbox of this name, and what it is called there. Raises NoSuchMailbox."""
    if not is_foreign(name):
        return Place(session.account, name)
    person, rest = await owner_of(session, name)
    prefix = name.removesuffix(rest)
    if person.account_id == session.account.account_id:
        return Place(session.account, rest, prefix=prefix)
    if not session.visits.has(person.account_id) and person.account_id not in await session.service.store.sharers(
        (ANYONE, session.address)
    ):
        raise NoSuchMailbox(name)  # without opening it, which would take files and the time by which it is known
    if not await session.is_active():  # what others gave ends with the account, though sessions go on
        raise NoSuchMailbox(name)
    try:
        return Place(await session.visits.account(person.account_id), rest, session.address, prefix)
    except NoSuchAccount as error:  # just being removed
        raise NoSuchMailbox(name) from error


class Visits:
    """Other people's accounts that a session has open: those of the command under way, and some used last."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._open: dict[int, Account] = {}  # in order of use

    def has(self, account_id: int) -> bool:
        """Whether the account is open."""
        return account_id in self._open

    async def account(self, account_id: int) -> Account:
        """The account, which stays open at least as long as the command under way."""
        account = self._open.pop(account_id, None)
        if account is None:
            if len(self._open) >= _MOST * self._session.settings.max_visited_accounts:
                raise no(b"LIMIT", b"That is too many people's mailboxes for one command")
            account = await self._session.service.store.open(account_id)
        self._open[account_id] = account
        return account

    def trim(self) -> None:
        """Close those not used for longest, but for the selected mailbox's: between two commands, or where the one
        under way is done with those it has used."""
        selected = self._session.selected
        for account_id in list(self._open)[: -self._session.settings.max_visited_accounts]:
            if selected is None or selected.account is not self._open[account_id]:
                self._open.pop(account_id).close()

    def close(self) -> None:
        """Leave them all."""
        while self._open:
            self._open.popitem()[1].close()
