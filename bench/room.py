"""Postroom as one of the sides: its own process, made ready without the command line, which is slow for many accounts.

Owns: settings file, accounts, the process. Never: measures. Raises: Unavailable for a setting that does not exist,
BenchError when the server does not start or end well.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.interop.server import PASSWORD, STANDARD_PORTS, free_port_base, restart_server, serve, stop_server

from bench import processes
from bench.errors import BenchError, Unavailable
from bench.side import Side
from postroom.accounts import AccountSettings, registry
from postroom.accounts.passwords import Passwords
from postroom.accounts.sqlite import SqliteBook, SqliteTables
from postroom.accounts.types import CredentialRow
from postroom.base import SystemClock, SystemIds
from postroom.cli.init import first_settings, write_settings
from postroom.config import Config, ConfigError
from postroom.store import SqliteStore

# Hundreds of clients from one address are no attack here.
LIMITS = {"net.max_connections": 20_000, "net.max_connections_per_address": 20_000, "net.backlog": 4096}
# For thousands of accounts that sign in once each: it is not the password hash that is to be measured.
LIGHT_PASSWORDS = {
    "accounts.hash_memory_kibibytes": 8,
    "accounts.hash_passes": 1,
    "accounts.keep_scram_keys": False,
}
_AT_ONCE = 200  # accounts


class Room(Side):
    """A Postroom of this checkout with these people of room.test."""

    domain = "room.test"

    def __init__(
        self, folder: Path, accounts: Sequence[str], settings: Mapping[str, Any] | None = None, name: str = "postroom"
    ) -> None:
        self.name = name
        config = _configure(folder, settings or {})
        asyncio.run(_add(config, [self.address(user) for user in accounts]))
        base = _port_base(config)
        ports = {service: port + base for service, port in STANDARD_PORTS.items()}
        self.smtp, self.imap, self.imaps, self.pop3 = (ports[name] for name in ("smtp", "imap", "imaps", "pop3"))
        try:
            self._server = serve(folder, folder / "postroom.toml", ports)
        except AssertionError as error:
            raise BenchError(f"Postroom does not start: {error}") from error

    def roots(self) -> list[int]:
        return [self._server.process.pid]

    def memory(self) -> int:
        """The resident set of one process; of several, what they share is counted once."""
        one = len(processes.tree(self.roots())) == 1
        return (processes.resident_octets if one else processes.proportional_octets)(self.roots())

    def restart(self) -> None:
        self.stop()
        self._server = restart_server(self._server)

    def stop(self) -> None:
        try:
            stop_server(self._server)
        except AssertionError as error:
            raise BenchError(f"Postroom did not end well: {error}") from error


def _configure(folder: Path, settings: Mapping[str, Any]) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    chosen = first_settings("mail.room.test", folder / "data", dev=True, port_base=free_port_base())
    try:
        return write_settings(
            folder / "postroom.toml", {**chosen, "net.skip_taken_addresses": False, **LIMITS, **settings}
        )
    except KeyError as error:
        raise Unavailable(f"there is no setting {error.args[0]}") from error
    except ConfigError as error:
        raise Unavailable(str(error)) from error


def _port_base(config: Config) -> int:
    return int(config.listen.smtp[0].rpartition(":")[2]) - STANDARD_PORTS["smtp"]


async def _add(config: Config, addresses: Sequence[str]) -> None:
    """One hash for all, one transaction; then their folders."""
    path = config.data / "postroom.db"
    hashed = await _hash(config.accounts)
    book = SqliteBook(path, config.accounts)

    def work(tables: SqliteTables) -> list[int]:
        registry.add_domain(tables, Room.domain)
        main = CredentialRow(0, 0, hashed)
        return [registry.add_person(tables, address, main, (None, None)).account_id for address in addresses]

    ids = await book.change(work)
    await book.close()
    store = SqliteStore(config.data, config.store, config.message, SystemClock(), SystemIds())
    for start in range(0, len(ids), _AT_ONCE):
        await asyncio.gather(*(store.create_account(number) for number in ids[start : start + _AT_ONCE]))
    await store.close()


async def _hash(settings: AccountSettings) -> str:
    passwords = Passwords(settings, SystemClock(), SystemIds())
    try:
        return await passwords.hash(PASSWORD)
    finally:
        passwords.close()
