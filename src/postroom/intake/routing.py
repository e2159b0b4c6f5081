"""Decides where mail for one recipient goes: mailboxes here, the queue, or back to the sender.

Owns: routing and the refusals that can be given at RCPT. Never: network, clock; delivers. Raises: MailError, each with
the reply that the sender should read.
"""

from dataclasses import dataclass

from postroom.accounts import (
    Found,
    ListTarget,
    LocalTarget,
    MailDirectory,
    NotLocal,
    Person,
    RemoteTarget,
    Target,
    Unknown,
    address_key,
)
from postroom.base import MailError
from postroom.queue import Recipient
from postroom.store import MailStore, NoSuchAccount, OverQuota

from .settings import IntakeSettings


class RelayDenied(MailError):
    """Somebody who has not signed in wants mail carried elsewhere."""

    code, enhanced, text = 550, "5.7.1", "Relay access denied"  # RFC 5321 §3.6.2


class UnknownUser(MailError):
    code, enhanced, text = 550, "5.1.1", "No such user here"


class MailboxDisabled(MailError):
    code, enhanced, text = 550, "5.2.1", "Mailbox disabled"


class IncompleteDomain(MailError):
    code, enhanced, text = 554, "5.1.2", "The recipient's domain is not fully qualified"


@dataclass(frozen=True, slots=True)
class Route:
    """One accepted RCPT and what it leads to."""

    recipient: Recipient
    targets: tuple[Target, ...]
    forwarder: str = ""  # the address here that leads to the targets; "": the recipient is elsewhere
    sender: str | None = None  # the envelope sender of what is forwarded; None: the message's own

    @property
    def list_target(self) -> ListTarget | None:
        """The list, when the recipient is one of its own addresses and no alias of it."""
        target = self.targets[0] if len(self.targets) == 1 else None
        if isinstance(target, ListTarget) and address_key(target.address) == address_key(self.recipient.address):
            return target
        return None

    @property
    def leaves(self) -> bool:
        """Some of it goes to another server."""
        return any(isinstance(target, RemoteTarget) for target in self.targets)

    @property
    def forwards(self) -> bool:
        """Mail for an address of ours goes on to another server."""
        return bool(self.forwarder) and self.leaves


class Router:
    """Answers RCPT."""

    def __init__(self, directory: MailDirectory, store: MailStore, hostname: str, settings: IntakeSettings) -> None:
        self._directory = directory
        self._store = store
        self._hostname = hostname
        self._settings = settings

    def forwarder(self, address: str) -> str:
        """The address of ours as others know it: postmaster may come without a domain."""
        return address if "@" in address else f"{address}@{self._hostname}"

    async def route(self, recipient: Recipient, *, sender: Person | None = None, size: int | None = None) -> Route:
        """Where `recipient` leads. Only a signed-in `sender` may send to other domains."""
        address = recipient.address
        resolution = await self._directory.resolve(address)
        match resolution:
            case Found(targets=targets):
                if len(targets) == 1:
                    await self._check(targets[0], size or 0)
                return Route(recipient, targets, self.forwarder(address))
            case Unknown():
                raise UnknownUser(address)
            case NotLocal():
                if sender is None:
                    raise RelayDenied(address)
                domain = address.rpartition("@")[2]
                if "." not in domain and domain[:1] != "[":  # RFC 6409 §4.2
                    raise IncompleteDomain(address)
                return Route(recipient, (RemoteTarget(address),))

    async def _check_token(self, target: ListTarget) -> None:
        if target.role not in ("bounces", "unsubscribe"):
            return
        member = await self._directory.lists.member_by_token(target.role, target.token)
        if member is None or member.list_id != target.list_id:
            raise UnknownUser(target.address)

    async def _check(self, target: Target, size: int) -> None:
        """Refuse at RCPT what is known to fail at the end of DATA."""
        if isinstance(target, ListTarget):
            await self._check_token(target)
        if not isinstance(target, LocalTarget):
            return
        person = target.person
        if not person.enabled and target.address.partition("@")[0].lower() != "postmaster":  # RFC 5321 §4.5.1
            raise MailboxDisabled(target.address)
        if person.quota_octets is None and person.quota_messages is None:
            return
        try:
            account = await self._store.open(person.account_id)
        except NoSuchAccount:
            return  # delivery will make it or say so
        try:
            usage = await account.usage()
        finally:
            account.close()
        octets, messages = person.quota_octets, person.quota_messages
        if (octets is not None and usage.octets + max(size, 1) > octets) or (
            messages is not None and usage.messages >= messages
        ):
            raise over_quota(f"{target.address}: {usage.octets} octets, {usage.messages} messages", self._settings)


def over_quota(detail: str, settings: IntakeSettings) -> OverQuota:
    """A mailbox is full: what its sender is told (RFC 3463 §3.3)."""
    return OverQuota(detail, code=552, enhanced="5.2.2") if settings.refuse_when_over_quota else OverQuota(detail)
