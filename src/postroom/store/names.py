"""What a mailbox may be called.

Owns: the rules for names. Never: knows how a protocol encodes them. Raises: BadMailboxName.
"""

import re

from .api import BadMailboxName
from .settings import StoreSettings

INBOX = "INBOX"
SEPARATOR = "/"
USUAL_MAILBOXES: tuple[tuple[str, str | None], ...] = (  # RFC 6154 §2
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Trash", "\\Trash"),
    ("Junk", "\\Junk"),
    ("Archive", "\\Archive"),
)
# Controls, line and paragraph separators, lone surrogates: nothing a name is typed with (RFC 5198 §2, RFC 9051 §5.1)
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def canonical(name: str) -> str:
    """The name by which a mailbox is looked up: INBOX in any case is INBOX (RFC 3501 §5.1), also above others."""
    if name[:5].upper() == INBOX and name[5:6] in ("", SEPARATOR):
        return INBOX + name[5:]
    return name


def checked(name: str, settings: StoreSettings) -> str:
    """The canonical form of a name that is to be made. Raises BadMailboxName."""
    # RFC 3501 §6.3.3: a separator at the end only declares that children will follow
    name = canonical(name.removesuffix(SEPARATOR))
    if not name or len(name) > settings.max_name_characters:
        raise BadMailboxName(f"a name of {len(name)} characters")
    if _FORBIDDEN.search(name):
        raise BadMailboxName(f"control character in {name!r}")
    levels = name.split(SEPARATOR)
    if "" in levels:
        raise BadMailboxName(f"empty level in {name!r}")
    if len(levels) > settings.max_name_depth:
        raise BadMailboxName(f"{len(levels)} levels")
    return name


def renames(old: str, new: str, existing: dict[str, int]) -> dict[str, str]:
    """Which existing names change when `old` becomes `new`: itself and its children (RFC 3501 §6.3.5)."""
    below = old + SEPARATOR
    return {name: new + name[len(old) :] for name in existing if name == old or name.startswith(below)}


def listing_key(name: str) -> tuple[bool, str]:
    """Sort key: INBOX first, then by name."""
    return name != INBOX, name
