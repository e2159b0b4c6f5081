"""Whose an annotation is.

Owns: the rule that /shared entries are nobody's and all others their owner's, and that names are compared without case
(RFC 5464 §3). Never: stores anything. Raises: nothing.
"""

from collections.abc import Mapping

EVERYBODY = 0
_SHARED = "/shared/"


def by_owner(owner: int, values: Mapping[str, bytes | None]) -> dict[int, dict[str, bytes | None]]:
    """The entries under the ids they are kept with, names in lower case."""
    found: dict[int, dict[str, bytes | None]] = {}
    for name, value in values.items():
        entry = name.lower()
        found.setdefault(EVERYBODY if entry.startswith(_SHARED) else owner, {})[entry] = value
    return found
