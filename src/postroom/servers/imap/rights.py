"""Who may do what: a person's rights on a mailbox, and which of them each command needs (RFC 4314 §2, §4).

Owns: how the entries of a list combine, §4's table, which flags a right covers. Never: reads a list from the store,
asks who is there. Raises: nothing.
"""

from collections.abc import Iterable

from postroom.imap.acl import ALL_RIGHTS, in_order

ANYONE = "anyone"
_WRITES = "iestw"  # RFC 4314 §5.2, with all flags shared between the people who see a mailbox
_FLAG_RIGHTS = {"\\Seen": "s", "\\Deleted": "t"}  # all others: "w"

# RFC 4314 §4, on the mailbox that a command names. Each word is a need; any one right of a word meets it.
NEEDED: dict[bytes, tuple[str, ...]] = {
    b"LIST": ("l",),
    b"CREATE": ("k",),  # of the nearest mailbox above that exists
    b"DELETE": ("x",),
    b"RENAME": ("x",),  # of the old name; as CREATE above the new one
    b"SELECT": ("r",),
    b"EXAMINE": ("r",),
    b"STATUS": ("r",),
    b"APPEND": ("i",),
    b"COPY": ("i",),
    b"MOVE": ("i",),
    b"SETACL": ("a",),
    b"DELETEACL": ("a",),
    b"GETACL": ("a",),
    b"LISTRIGHTS": ("a",),
    b"MYRIGHTS": ("lrikxa",),
    b"GETMETADATA": ("l", "rswip"),  # RFC 5464 §3.3
    b"SETMETADATA": ("l", "rswip"),
    b"GETQUOTAROOT": ("r",),  # RFC 9208 §6
    b"NOTIFY": ("l", "r"),  # RFC 5465 §5
}
# Beyond SETMETADATA, for what everybody sees. RFC 5464 §3.3 has no more than "can only": who merely reads a mailbox
# does not write on it.
WRITES_SHARED = ("swip",)
# NEEDED, on the selected mailbox. CLOSE, FETCH and STORE leave undone what they may not do.
NEEDED_SELECTED: dict[bytes, tuple[str, ...]] = {
    b"EXPUNGE": ("e",),
    b"MOVE": ("t", "e"),  # RFC 6851 §4.2: what COPY, STORE \Deleted and EXPUNGE need
    b"REPLACE": ("t", "e"),  # RFC 8508 §4.1
    b"STORE": ("stw",),
}


def effective(acl: Iterable[tuple[str, str]], address: str) -> str:
    """What a person other than the owner may do: all that is given to them or to anyone, less all that is taken away.

    The owner has all rights always, whatever the list says, so that nobody can lock themselves out (§2).
    """
    given: set[str] = set()
    taken: set[str] = set()
    for identifier, rights in acl:
        if identifier.startswith("-"):  # §2: a "negative right", though an address may begin like that too
            if identifier[1:] in (ANYONE, address):
                taken.update(rights)
        elif identifier in (ANYONE, address):
            given.update(rights)
    return in_order(given - taken)


def meets(rights: str, needed: tuple[str, ...]) -> bool:
    """Whether these rights are enough."""
    return all(any(right in rights for right in word) for word in needed)


def allows(rights: str, command: bytes) -> bool:
    """Whether a command may be given in a selected mailbox with these rights; its UID form needs the same (§4)."""
    return meets(rights, NEEDED_SELECTED.get(command.removeprefix(b"UID "), ()))


def may_write(rights: str) -> bool:
    """READ-WRITE or READ-ONLY (§5.2)."""
    return any(right in rights for right in _WRITES)


def right_for(flag: str) -> str:
    """The right that setting or clearing a flag needs (§4)."""
    return _FLAG_RIGHTS.get(flag, "w")


def permitted(flags: Iterable[str], rights: str) -> frozenset[str]:
    """The flags that may be set or cleared."""
    if rights == ALL_RIGHTS:
        return frozenset(flags)
    return frozenset(flag for flag in flags if right_for(flag) in rights)
