"""Reports of others, out of the database that a running server keeps them in.

Owns: opening it for a command. Never: changes it. Raises: Refusal.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .outcome import Refusal

if TYPE_CHECKING:
    import apsw

    from postroom.delivery.report_database import ReportDatabase

T = TypeVar("T")


def read_reports(
    path: Path, opened: "Callable[[Path], ReportDatabase]", work: "Callable[[apsw.Connection], T]"
) -> T | None:
    """What `work` finds in the database at `path`; None where there is no such file yet."""
    from postroom.delivery import ReportDatabaseFailure

    if not path.exists():
        return None
    try:
        database = opened(path)
        try:
            return database.now(work)
        finally:
            database.close()
    except ReportDatabaseFailure as error:
        raise Refusal(f"The reports can't be read: {error}") from error
