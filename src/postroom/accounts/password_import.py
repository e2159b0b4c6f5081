"""Password hashes of another server, into accounts.

Owns: which of them is kept for whom. Never: makes accounts that were not asked for, keeps a password that can be read.
Raises: the AccountError family when the database refuses; what is wrong with one line is told with it.

A password written down as {PLAIN} is hashed at once. The others are kept as they are until their owner signs in with
PLAIN or the like, which shows us the password: then it is hashed as ours are, and gets SCRAM keys.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from . import imported, registry
from .addresses import address_key
from .api import AccountError, NotThere
from .password_files import PasswordLine
from .settings import AccountSettings
from .types import Book, CredentialRow, Tables

MakeMain = Callable[[str, str, Sequence[CredentialRow]], Awaitable[CredentialRow]]


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """What became of one line."""

    line: int
    name: str
    outcome: Literal["imported", "kept", "refused"]  # kept: the account's own password stays
    words: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    line: PasswordLine
    address: str
    main: CredentialRow
    words: str


class PasswordImport:
    """Into one Book."""

    def __init__(self, book: Book, settings: AccountSettings, make_main: MakeMain, now: Callable[[], float]) -> None:
        self._book = book
        self._settings = settings
        self._make_main = make_main
        self._now = now

    async def run(
        self, lines: Iterable[PasswordLine], *, domain: str, create: bool, replace: bool, dry: bool = False
    ) -> list[ImportedLine]:
        """All that can be kept, in one transaction.

        `domain`: of names without one; `create`: accounts that are missing; `replace`: passwords that are there; `dry`:
        change nothing, and tell what would be.
        """
        results: list[ImportedLine] = []
        wanted: list[_Wanted] = []
        for line in lines:
            prepared = await self._prepared(line, domain, dry)
            if isinstance(prepared, ImportedLine):
                results.append(prepared)
            else:
                wanted.append(prepared)

        def work(tables: Tables) -> list[ImportedLine]:
            done = [self._keep(tables, one, create=create, replace=replace) for one in wanted]
            if dry:
                raise _Undo(done)
            return done

        try:
            results += await self._book.change(work)
        except _Undo as undo:
            results += undo.results
        return sorted(results, key=lambda one: one.line)

    async def _prepared(self, line: PasswordLine, domain: str, dry: bool) -> "_Wanted | ImportedLine":
        address = line.name if "@" in line.name or not domain else f"{line.name}@{domain}"
        if line.trouble:
            return ImportedLine(line.line, line.name, "refused", line.trouble)
        password = imported.plain_password(line.hash)
        try:
            if password is None:
                hashed = imported.kept(line.hash)
                limit = self._settings.max_hash_memory_kibibytes
                if imported.memory_kibibytes(hashed) > limit:
                    raise imported.BadHash(f"it takes more than {limit} KiB to compute")
                main = CredentialRow(0, 0, hashed, made=self._now())
                return _Wanted(line, address, main, "is checked as the other server did, until the next sign-in")
            if dry:
                return _Wanted(line, address, CredentialRow(0, 0, ""), "would be hashed")
            person = self._book.tables.person(address_key(address) or "")
            rows = self._book.tables.credentials(person.account_id) if person is not None else []
            return _Wanted(line, address, await self._make_main(address, password, rows), "was hashed")
        except imported.BadHash as error:
            return ImportedLine(line.line, line.name, "refused", str(error))
        except AccountError as error:
            return ImportedLine(line.line, line.name, "refused", error.text)

    def _keep(self, tables: Tables, one: _Wanted, *, create: bool, replace: bool) -> ImportedLine:
        words = one.words
        try:
            try:
                person = registry.find(tables, one.address)
            except NotThere:
                if not create:
                    raise
                registry.add_person(tables, one.address, one.main, (None, None))
                return ImportedLine(one.line.line, one.line.name, "imported", f"is a new account; the password {words}")
            there = any(row.is_main for row in tables.credentials(person.account_id))
            if there and not replace:
                return ImportedLine(one.line.line, one.line.name, "kept", "has a password already, which stays")
            registry.set_main_password(tables, one.address, one.main)
        except AccountError as error:
            return ImportedLine(one.line.line, one.line.name, "refused", error.text)
        return ImportedLine(one.line.line, one.line.name, "imported", f"the password {words}")


class _Undo(Exception):
    """Takes the results out of a transaction that is not to be kept."""

    def __init__(self, results: list[ImportedLine]) -> None:
        super().__init__("nothing is changed")
        self.results = results
