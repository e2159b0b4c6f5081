"""Queue ids: made, checked, and chosen by operators.

Owns: what a queue id looks like. Never: changes an entry. Raises: ValueError for an impossible id.
"""

import re
from collections.abc import Sequence

import apsw

from postroom.base import Ids

_SENT_BY = "account:"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\Z")


def new_message_id(ids: Ids) -> str:
    """A queue id; its first character keeps it apart from an entry id."""
    return "q" + ids.token(11)


def check_message_id(message_id: str) -> str:
    """The same id, if it is one: it becomes a file name."""
    if not _MESSAGE_ID.match(message_id):
        raise ValueError(f"not a queue id: {message_id!r}")
    return message_id


def sent_by(account_id: int) -> str:
    """What operators, and others, call all that this account has sent: no queue id has a colon."""
    return f"{_SENT_BY}{account_id}"


def chosen_ids(db: apsw.Connection, which: Sequence[str], states: str) -> list[int]:
    """Entry ids that operators mean by `which` (queue ids, entry ids, `sent_by`, "all") of those in one of `states`."""
    allowed = ",".join(f"'{state}'" for state in states.split())
    if "all" in which:
        return [int(row[0]) for row in db.execute(f"SELECT entry_id FROM entries WHERE state IN ({allowed})")]
    chosen: dict[int, None] = {}
    for name in which:
        if name.startswith(_SENT_BY):
            rows = db.execute(
                "SELECT entry_id FROM entries WHERE message IN (SELECT seq FROM messages WHERE holder=?)"
                f" AND state IN ({allowed})",
                (name.removeprefix(_SENT_BY),),
            )
            chosen.update((int(row[0]), None) for row in rows)
            continue
        number = int(name) if name.isascii() and name.isdecimal() and len(name) < 19 else -1
        rows = db.execute(
            "SELECT entry_id FROM entries WHERE (entry_id=? OR message=(SELECT seq FROM messages WHERE id=?))"
            f" AND state IN ({allowed})",
            (number, name),
        )
        chosen.update((int(row[0]), None) for row in rows)
    return sorted(chosen)
