"""Addresses that were refused for good, time after time: the rows about them.

Owns: the suppressions table. Never: decides which replies count (delivery does). Raises: apsw.Error.
"""

from collections.abc import Collection, Sequence
from typing import Any, cast

import apsw

from .api import Suppression
from .settings import QueueSettings

_COLUMNS = "address, bounces, reply, refused, until"


def note_refused(
    db: apsw.Connection, addresses: Sequence[str], reply: str, now: float, settings: QueueSettings
) -> None:
    """One refusal more; with the settings' number of them the address is suppressed for a while."""
    if not settings.suppress_after_bounces:
        return
    for address in addresses:
        db.execute(
            "INSERT INTO suppressions VALUES(?1,1,?2,?3,iif(?4<=1,?5,NULL)) ON CONFLICT(address) DO UPDATE SET"
            " bounces=bounces+1, reply=?2, refused=?3, until=iif(bounces+1>=?4,?5,until)",
            (address.lower(), reply, now, settings.suppress_after_bounces, now + settings.suppress_seconds),
        )
    _forget_oldest(db, settings.max_suppressions)


def _forget_oldest(db: apsw.Connection, limit: int) -> None:
    (count,) = cast(tuple[int], db.execute("SELECT count(*) FROM suppressions").fetchone())
    if count > limit:
        db.execute(
            "DELETE FROM suppressions WHERE address IN (SELECT address FROM suppressions ORDER BY refused LIMIT ?)",
            (count - limit,),
        )


def suppress(db: apsw.Connection, address: str, reply: str, now: float, until: float) -> None:
    """By an operator's word."""
    db.execute("INSERT OR REPLACE INTO suppressions VALUES(?,0,?,?,?)", (address.lower(), reply, now, until))


def forget(db: apsw.Connection, addresses: Sequence[str]) -> int:
    """How many there were."""
    count = 0
    for address in addresses:
        db.execute("DELETE FROM suppressions WHERE address=?", (address.lower(),))
        count += db.changes()
    return count


def held_against(db: apsw.Connection, addresses: Collection[str]) -> dict[str, Suppression]:
    """What is known of those, by the address as it was given."""
    found: dict[str, Suppression] = {}
    for address in addresses:
        row = db.execute(f"SELECT {_COLUMNS} FROM suppressions WHERE address=?", (address.lower(),)).fetchone()
        if row is not None:
            found[address] = _value(row)
    return found


def everything(db: apsw.Connection) -> list[Suppression]:
    """The last refused first."""
    return [_value(row) for row in db.execute(f"SELECT {_COLUMNS} FROM suppressions ORDER BY refused DESC, address")]


def _value(row: Any) -> Suppression:
    address, bounces, reply, refused, until = row
    return Suppression(address, bounces, reply, refused, until)
