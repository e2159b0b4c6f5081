"""Whose an annotation is.

Owns: the rule that /shared entries are nobody's and all others their owner's, and that names are compared without case
(RFC 5464 §3), and how special uses are told of. Never: stores anything. Raises: nothing.
"""

from collections.abc import Mapping, Sequence

from .api import AnnotationsChanged
from .books import Box
from .views import Annotated

SPECIAL_USE = "/private/specialuse"  # RFC 6154 §4; the mailbox has it, not the annotations
EVERYBODY = 0
_SHARED = "/shared/"


def by_owner(owner: int, values: Mapping[str, bytes | None]) -> dict[int, dict[str, bytes | None]]:
    """The entries under the ids they are kept with, names in lower case."""
    found: dict[int, dict[str, bytes | None]] = {}
    for name, value in values.items():
        entry = name.lower()
        found.setdefault(EVERYBODY if entry.startswith(_SHARED) else owner, {})[entry] = value
    return found


def uses_changed(changed: Sequence[Box], owner: int, modseq: int, origin: object) -> list[Annotated]:
    """The effects of new special uses."""
    return [Annotated(AnnotationsChanged(box.mailbox_id, owner, (SPECIAL_USE,), modseq, origin)) for box in changed]
