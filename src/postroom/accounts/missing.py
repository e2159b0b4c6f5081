"""Who is missing on the way of an address: what resolution looks for and does not find.

Owns: the list of it. Never: decides where mail goes (resolution does). Raises: nothing.
"""

from typing import Any, cast

from .api import AliasTrouble
from .resolution import resolve
from .settings import AccountSettings
from .types import Tables

_MAX_MISSING = 100  # of one address; an alias with more unknown targets has some of them looked for each time


class _Noting:
    """Tables that remember whom they did not have."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self.missing: dict[str, None] = {}

    def person(self, key: str) -> Any:
        found = self._tables.person(key)
        if found is None and len(self.missing) < _MAX_MISSING:
            self.missing[key] = None
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)


def missing(tables: Tables, settings: AccountSettings, address: str) -> tuple[str, ...]:
    """Keys of people, in the order in which they were looked for."""
    noting = _Noting(tables)
    try:
        resolve(cast(Tables, noting), settings, address)
    except AliasTrouble:
        pass  # it is raised again by who really resolves
    return tuple(noting.missing)
