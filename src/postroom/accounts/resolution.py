"""Where mail for an address goes.

Owns: the order of look-ups, sub-addresses, alias expansion, catch-alls, postmaster. Never: writes, knows SQL.
Raises: AliasTrouble when an alias leads nowhere but in a circle, too deep, or to more targets than allowed.

At each address, in this order: an alias, then a person, of exactly that address; both again without the detail; for
postmaster its substitutes, for any other the domain's catch-all. An alias wins over a person of the same address, and
may name that person among its targets: that is how somebody's mail is forwarded with a copy kept. A person may also
forward their mail themselves, and have copies of it sent; where that leads nowhere, they keep it.
"""

import re

from .addresses import SOCKET, address_key, domain_key, local_key, split
from .api import (
    AliasTrouble,
    Found,
    ListTarget,
    LocalTarget,
    NotLocal,
    Person,
    RemoteTarget,
    Resolution,
    Role,
    SocketTarget,
    Target,
    Unknown,
)
from .settings import AccountSettings
from .types import Tables

_LIST_ROLE = re.compile(r"(.+)-(owner|request|bounces|unsubscribe)(?:\+([0-9a-z-]+))?\Z", re.DOTALL)
_ROLES: dict[str, Role] = {"request": "request", "bounces": "bounces", "unsubscribe": "unsubscribe"}
_NOT_LOCAL = NotLocal()
_UNKNOWN = Unknown()


class _Expansion:
    """The targets of one address, while aliases are followed."""

    __slots__ = (
        "appointed",
        "circle",
        "forwarding",
        "original",
        "people",
        "reached",
        "seen",
        "settings",
        "tables",
        "targets",
    )

    def __init__(self, tables: Tables, settings: AccountSettings, original: str, forwarding: bool = True) -> None:
        self.tables = tables
        self.settings = settings
        self.original = original
        self.targets: dict[int | str, Target] = {}  # by account id, remote key or socket: no duplicates
        self.seen: dict[str, bool | None] = {}  # alias key: whether it led anywhere; None while it is being followed
        self.people: dict[int, bool] = {}  # account id: all is known of where their mail goes
        self.circle = False
        self.reached = False  # somebody gets it, since this was last set to False
        self.forwarding = forwarding  # people's own
        self.appointed = settings.postmaster

    def follow(self, address: str, detail: str = "", depth: int = 0) -> bool:
        """Add what `address` leads to; False when nobody here has it."""
        if address.startswith(SOCKET):
            self._add(address, SocketTarget(address, self.original))
            return True
        local, domain = split(address)
        name = domain_key(domain)
        if name is None or not self.tables.has_domain(name):
            self._add(address_key(address) or address, RemoteTarget(address))
            return True
        local = local_key(local)
        if self._exact(f"{local}@{name}", detail, depth) or self._list_role(local, name, depth):
            return True
        base, separator, rest = self._split_detail(local)
        if separator and self._exact(f"{base}@{name}", detail or rest, depth):
            return True
        if base == "postmaster":
            return self._postmaster(name, depth)
        return self._alias(f"@{name}", "", depth)

    def _split_detail(self, local: str) -> tuple[str, str, str]:
        """RFC 5233 §4: bob+tag is bob with the detail "tag"; a local part can't begin with its detail."""
        mark = self.settings.detail_separator
        at = local.find(mark, 1) if mark else -1
        return (local[:at], mark, local[at + 1 :]) if at > 0 else (local, "", "")

    def _exact(self, key: str, detail: str, depth: int) -> bool:
        return self._alias(key, detail, depth) or self._person(key, detail, depth) or self._list(key)

    def _list(self, key: str) -> bool:
        found = self.tables.list_named(key)
        if found is not None:
            self._add(f"list:{key}", ListTarget(found.list_id, found.address, "post"))
        return found is not None

    def _list_role(self, local: str, domain: str, depth: int) -> bool:
        """The other addresses of a list: LIST-owner, LIST-request, LIST-bounces+TOKEN, LIST-unsubscribe+TOKEN."""
        named = _LIST_ROLE.match(local)
        found = self.tables.list_named(f"{named[1]}@{domain}") if named is not None else None
        if named is None or found is None:
            return False
        role = _ROLES.get(named[2])
        if role is not None:
            key = f"{local}@{domain}"
            self._add(f"list:{key}", ListTarget(found.list_id, key, role, named[3] or ""))
            return True
        if depth >= self.settings.max_alias_depth:
            raise AliasTrouble(f"{self.original}: the owners of {found.address} are nobody")
        for owner in found.owners:
            self.follow(owner, "", depth + 1)
        return True

    def _person(self, key: str, detail: str, depth: int) -> bool:
        person = self.tables.person(key)
        if person is not None:
            self._deliver(person, detail, depth)
        return person is not None

    def _deliver(self, person: Person, detail: str, depth: int) -> None:
        """To a person, and where they want it to go on to."""
        known = self.people.get(person.account_id)
        if known is not None:
            self.reached |= known
            return
        self.people[person.account_id] = False
        led = self.forwarding and self._forward(person, depth)
        if person.keep or not led:
            self._add(person.account_id, LocalTarget(person, self.original, detail))
        self.people[person.account_id] = self.reached = True

    def _forward(self, person: Person, depth: int) -> bool:
        """True when somebody gets what is forwarded; copies do not count."""
        if not (person.forward or person.copies) or not person.enabled:
            return False
        if depth >= self.settings.max_alias_depth:
            raise AliasTrouble(f"{self.original}: forwarded more than {self.settings.max_alias_depth} times")
        self.reached = False
        for target in person.forward:
            self.follow(target, "", depth + 1)
        led = self.reached
        for target in person.copies:
            self.follow(target, "", depth + 1)
        return led

    def _alias(self, key: str, detail: str, depth: int) -> bool:
        targets = self.tables.alias(key)
        if targets is None:
            return False
        if key in self.seen:
            known = self.seen[key]
            if known is None and not self._person(
                key, detail, depth
            ):  # an alias may name the person of its own address
                self.circle = True
            return known is not False
        self.seen[key] = None
        if depth >= self.settings.max_alias_depth:
            raise AliasTrouble(f"{self.original}: aliases nested deeper than {self.settings.max_alias_depth}")
        known = False
        for target in targets:
            known |= self.follow(target, detail, depth + 1)
        self.seen[key] = known
        return known

    def _add(self, key: int | str, target: Target) -> None:
        self.targets.setdefault(key, target)
        self.reached = True
        if len(self.targets) > self.settings.max_alias_targets:
            raise AliasTrouble(f"{self.original}: more than {self.settings.max_alias_targets} targets")

    def _postmaster(self, domain: str, depth: int) -> bool:
        """RFC 5321 §4.5.1: postmaster is always somebody."""
        appointed, self.appointed = self.appointed, ""  # tried once only, lest it leads back here
        if appointed:
            self.follow(appointed, "", depth + 1)
            if self.targets:
                return True
        person = self.tables.first_person(domain) or self.tables.first_person(None)
        if person is not None:
            self._deliver(person, "", depth)
        return person is not None


def resolve(tables: Tables, settings: AccountSettings, address: str) -> Resolution:
    """See Directory.resolve."""
    if len(address) > settings.max_address_octets:
        return _UNKNOWN
    local, domain = split(address)
    if not domain:
        return _bare(tables, settings, address)
    name = domain_key(domain)
    if name is None or not tables.has_domain(name):
        return _NOT_LOCAL
    if not local:
        return _UNKNOWN
    return _expand(tables, settings, address, address)


def _bare(tables: Tables, settings: AccountSettings, local: str) -> Resolution:
    """RFC 5321 §2.3.5: postmaster is the only name that may stand without a domain."""
    if local_key(local) != "postmaster":
        return _UNKNOWN
    for name in tables.domains():
        found = _expand(tables, settings, f"postmaster@{name}", local)
        if found is not _UNKNOWN:
            return found
    return _UNKNOWN


def _expand(
    tables: Tables, settings: AccountSettings, address: str, original: str, *, forwarding: bool = True
) -> Resolution:
    expansion = _Expansion(tables, settings, original, forwarding)
    known = expansion.follow(address)
    if expansion.targets:
        return Found(tuple(expansion.targets.values()))
    if known and expansion.circle:
        raise AliasTrouble(f"{original}: the alias leads back to itself")
    return _UNKNOWN


def may_send_as(tables: Tables, settings: AccountSettings, person: Person, address: str) -> bool:
    """See Directory.may_send_as."""
    local, domain = split(address)
    name = domain_key(domain)
    if name is None or not local or len(address) > settings.max_address_octets:
        return False
    key = f"{local_key(local)}@{name}"
    mark = settings.detail_separator
    bare = f"{key[:at]}@{name}" if mark and (at := key.find(mark, 1)) > 0 and tables.alias(key) is None else key
    if tables.has_domain(name) and _is_own(tables, settings, person, address, {key, bare}):
        return True
    return tables.has_sender_grant(person.account_id, (key, bare, f"@{name}"))


def _is_own(tables: Tables, settings: AccountSettings, person: Person, address: str, keys: set[str]) -> bool:
    """An address of a domain here that leads to nobody else."""
    if address_key(person.address) in keys:
        return True
    found = _expand(tables, settings, address, address, forwarding=False)
    return isinstance(found, Found) and all(
        isinstance(target, LocalTarget) and target.person.account_id == person.account_id for target in found.targets
    )
