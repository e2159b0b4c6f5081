"""People in LDAP (RFC 4511): found by a filter, proven by a bind as them or by their password's hash.

Owns: what is searched for, and what an answer means. Never: builds a filter or a name out of what a client gave (both
would have to be escaped); caches. Raises: SourceDown.
"""

import logging
from collections.abc import Awaitable, Callable

from postroom.base import Clock
from postroom.ldap import Entry, Filter, Result, read_filter
from postroom.sasl import BadName, prepared_password

from .ldap_connection import SUCCESS, LdapConnection, result_words
from .ldap_pool import LdapPool, LdapServers
from .settings import PLACES, LdapSettings
from .types import Known, SourceDown

_log = logging.getLogger("postroom.directories")
_MAX_NAME = 1024  # characters; longer ones are nobody's
# RFC 4511 §4.1.9: the password is wrong, or this person may not sign in. All others are the server's trouble.
_NO_SUCH_OBJECT, _NEEDS_MORE, _WRONG, _MAY_NOT, _UNWILLING, _CONSTRAINT = 32, 48, 49, 50, 53, 19
_REFUSALS = frozenset({_NO_SUCH_OBJECT, _NEEDS_MORE, _WRONG, _MAY_NOT, _UNWILLING, _CONSTRAINT})

# Whether a password is the one of a hash; None as a hash: nobody's, and as slow.
HashCheck = Callable[[str, str, str | None], Awaitable[bool]]


class LdapSource:
    def __init__(
        self,
        servers: LdapServers,
        settings: LdapSettings,
        clock: Clock,
        *,
        bind_password: str,
        sign_in_domain: str,
        max_waiting: int,
        hashes: HashCheck,
    ) -> None:
        self._settings = settings
        self._sign_in_domain = sign_in_domain
        self._hashes = hashes
        name, password = settings.bind_dn.encode("utf-8"), bind_password.encode("utf-8")
        self._searching = LdapPool(lambda: servers.connect(name, password), settings, max_waiting, clock)
        self._binding = LdapPool(lambda: servers.connect(b"", b""), settings, max_waiting, clock)
        self._by_address = read_filter(settings.address_filter, PLACES)
        self._by_user = read_filter(settings.user_filter, PLACES)
        self._attributes = [name for name in (settings.address_attribute, settings.quota_attribute) if name]

    async def close(self) -> None:
        self._searching.close()
        self._binding.close()

    async def find(self, address: str) -> Known | None:
        entry = await self._search(self._by_address, address, address, self._attributes)
        return self._known(entry) if entry is not None else None

    async def find_user(self, username: str) -> Known | None:
        entry = await self._search(self._by_user, username, self._with_domain(username), self._attributes)
        return self._known(entry) if entry is not None else None

    async def authenticate(self, username: str, password: str, protocol: str) -> Known | None:
        if not password or "\0" in password:  # RFC 4513 §5.1.2: a bind without a password succeeds as nobody
            return None
        by_hash = self._settings.check == "hash"
        attributes = [*self._attributes, self._settings.password_attribute] if by_hash else self._attributes
        entry = await self._search(self._by_user, username, self._with_domain(username), attributes)
        good = await self._hash_is_of(username, password, entry) if by_hash else await self._binds(entry, password)
        return self._known(entry) if entry is not None and good else None

    def _with_domain(self, username: str) -> str:
        return username if "@" in username or not self._sign_in_domain else f"{username}@{self._sign_in_domain}"

    async def _search(self, wanted: Filter, user: str, address: str, attributes: list[str]) -> Entry | None:
        """The one entry there is; of two nobody can say which is meant."""
        local, at, domain = address.rpartition("@")
        values = {"user": user, "address": address, "local": local if at else address, "domain": domain if at else ""}
        if not user or len(address) > _MAX_NAME or any("\ud800" <= one <= "\udfff" or one == "\0" for one in address):
            return None
        octets = wanted.wire(values)
        entries = await self._searching.run(lambda connection: connection.search(octets, attributes))
        if len(entries) > 1:
            _log.error("LDAP: more than one entry for %r: nobody is meant", address)
        return entries[0] if len(entries) == 1 else None

    def _known(self, entry: Entry) -> Known | None:
        address = entry.text(self._settings.address_attribute)
        if not address:
            _log.warning("LDAP: %r has no %s", entry.name, self._settings.address_attribute)
            return None
        quota = entry.text(self._settings.quota_attribute) if self._settings.quota_attribute else None
        usable = quota is not None and quota.isascii() and quota.isdigit() and len(quota) < 19
        return Known(address, int(quota) if usable and quota is not None else None)

    async def _binds(self, entry: Entry | None, password: str) -> bool:
        if entry is None or not entry.name:
            return False
        try:
            # RFC 4513 §5.1.3: a bind takes the password prepared; a hash (_hash_is_of) is of what was typed
            name, octets = entry.name, prepared_password(password).encode("utf-8")
        except BadName:
            return False

        async def bind(connection: LdapConnection) -> Result:
            return await connection.bind(name, octets)

        done = await self._binding.run(bind)
        if done.code == SUCCESS:
            return True
        if done.code not in _REFUSALS:
            raise SourceDown(f"LDAP: a bind ended with {result_words(done)}")
        if done.code != _WRONG:
            _log.info("LDAP: %r may not sign in: %s", name, result_words(done))
        return False

    async def _hash_is_of(self, username: str, password: str, entry: Entry | None) -> bool:
        """RFC 4519 §2.41: a person may have several."""
        values = entry.attributes.get(self._settings.password_attribute.lower(), ()) if entry is not None else ()
        hashes: list[str | None] = [value.decode("ascii") for value in values if value.isascii()]
        for one in hashes or [None]:
            if await self._hashes(username, password, one):
                return True
        return False
