"""The arguments of every command that has no module of its own (RFC 3501 §6, §9).

Owns: one function a command, from the octet behind its name to the end of the line. Never: checks states, runs
anything. Raises: BadSyntax.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64

from .fetch_parser import parse_items
from .search_parser import parse_criteria
from .syntax import BadSyntax
from .table import Parse
from .tokens import Cursor
from .types import (
    Authenticate,
    Bare,
    Copy,
    Create,
    Delete,
    Enable,
    Fetch,
    Id,
    Login,
    Rename,
    Search,
    Select,
    Store,
    StoreMode,
    Subscribe,
    UidExpunge,
)

_STORE = re.compile(rb"([+-]?FLAGS)(\.SILENT)?(?= )", re.IGNORECASE)
_STORE_MODES = {mode.value: mode for mode in StoreMode}


def bare(name: bytes) -> Parse:
    """A command without arguments."""
    command = Bare(name)

    def parse(cursor: Cursor) -> Bare:
        if cursor.at != len(cursor.data):
            raise BadSyntax("This command takes no arguments")
        return command

    return parse


# ---- RFC 3501 §6.2: not authenticated


def authenticate(cursor: Cursor) -> Authenticate:
    """AUTHENTICATE, with the initial response of RFC 4959."""
    cursor.space()
    mechanism = cursor.atom("Expected a mechanism").upper()
    initial: bytes | None = None
    if cursor.take(b" "):
        encoded = cursor.data[cursor.at :]
        cursor.at = len(cursor.data)
        if encoded == b"=":  # RFC 4959 §3: present, and empty
            initial = b""
        else:
            try:
                initial = a2b_base64(encoded, strict_mode=True) if encoded else None
            except Base64Error:
                initial = None
            if initial is None:
                raise BadSyntax("Invalid base64 in the initial response")
    cursor.end()
    return Authenticate(mechanism, initial)


def login(cursor: Cursor) -> Login:
    cursor.space()
    username = cursor.astring("Expected a user name")
    cursor.space()
    password = cursor.astring("Expected a password")
    cursor.end()
    return Login(username, password)


# ---- RFC 2971, RFC 5161


def identify(cursor: Cursor) -> Id:
    """ID: a list of field-value pairs, or NIL."""
    cursor.space()
    if not cursor.take(b"("):
        if cursor.nstring("Expected a list or NIL") is not None:
            raise BadSyntax("Expected a list or NIL")
        cursor.end()
        return Id(None)
    fields: list[tuple[bytes, bytes | None]] = []
    while not cursor.take(b")"):
        if fields:
            cursor.space()
        field = cursor.string("Expected a field name")
        cursor.space()
        fields.append((field, cursor.nstring()))
        if len(fields) > cursor.settings.max_id_fields:  # RFC 2971 §3.3: at most 30
            raise BadSyntax("Too many fields")
    cursor.end()
    return Id(tuple(fields))


def enable(cursor: Cursor) -> Enable:
    cursor.space()
    found = [cursor.atom("Expected a capability").upper()]
    while cursor.take(b" "):
        found.append(cursor.atom("Expected a capability").upper())
    cursor.end()
    return Enable(tuple(dict.fromkeys(found)))


# ---- RFC 3501 §6.3: mailboxes


def _one_mailbox(cursor: Cursor) -> str:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.end()
    return mailbox


def select(cursor: Cursor) -> Select:
    return Select(_selectable(cursor), read_only=False)


def examine(cursor: Cursor) -> Select:
    return Select(_selectable(cursor), read_only=True)


def _selectable(cursor: Cursor) -> str:
    """A mailbox name; "", which no mailbox has, for what spells none: the command must fail as one that was carried
    out and has deselected what was selected (RFC 3501 §6.3.1)."""
    try:
        return _one_mailbox(cursor)
    except BadSyntax as error:
        if error.status != b"NO":
            raise
        return ""


def create(cursor: Cursor) -> Create:
    """CREATE mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"] (RFC 6154 §3, §6)."""
    cursor.space()
    mailbox = cursor.mailbox()
    uses: dict[str, None] = {}
    if cursor.take(b" "):
        cursor.expect(b"(", "Expected CREATE parameters")
        if cursor.atom("Expected USE").upper() != b"USE":
            raise BadSyntax("Unknown CREATE parameter")
        cursor.space()
        cursor.expect(b"(", "Expected special-use attributes")
        while not cursor.take(b")"):
            if uses:
                cursor.space()
            uses[cursor.special_use()] = None
        cursor.expect(b")", "Invalid CREATE parameters")
    cursor.end()
    if len(uses) > 1:
        raise BadSyntax("One special use a mailbox", status=b"NO", code=b"USEATTR")
    return Create(mailbox, next(iter(uses), None))


def delete(cursor: Cursor) -> Delete:
    return Delete(_one_mailbox(cursor))


def rename(cursor: Cursor) -> Rename:
    cursor.space()
    old = cursor.mailbox()
    cursor.space()
    new = cursor.mailbox()
    cursor.end()
    return Rename(old, new)


def subscribe(cursor: Cursor) -> Subscribe:
    return Subscribe(_one_mailbox(cursor), on=True)


def unsubscribe(cursor: Cursor) -> Subscribe:
    return Subscribe(_one_mailbox(cursor), on=False)


# ---- RFC 3501 §6.4: selected


def fetch(cursor: Cursor) -> Fetch:
    return _fetch(cursor, False)


def uid_fetch(cursor: Cursor) -> Fetch:
    return _fetch(cursor, True)


def _fetch(cursor: Cursor, uid: bool) -> Fetch:
    cursor.space()
    seqset = cursor.seqset()
    cursor.space()
    return Fetch(seqset, parse_items(cursor, uid), uid)


def store(cursor: Cursor) -> Store:
    return _store(cursor, False)


def uid_store(cursor: Cursor) -> Store:
    return _store(cursor, True)


def _store(cursor: Cursor, uid: bool) -> Store:
    cursor.space()
    seqset = cursor.seqset()
    cursor.space()
    found = _STORE.match(cursor.data, cursor.at)
    if found is None:
        raise BadSyntax("Expected FLAGS, +FLAGS or -FLAGS")
    cursor.at = found.end() + 1
    flags = cursor.flag_list() if cursor.next() == b"(" else cursor.flags()
    cursor.end()
    return Store(seqset, _STORE_MODES[found[1].upper()], found[2] is not None, flags, uid)


def search(cursor: Cursor) -> Search:
    return _search(cursor, False)


def uid_search(cursor: Cursor) -> Search:
    return _search(cursor, True)


def _search(cursor: Cursor, uid: bool) -> Search:
    cursor.space()
    key, charset = parse_criteria(cursor)
    return Search(key, uid, charset)


def copy(cursor: Cursor) -> Copy:
    return _copy(cursor, uid=False, move=False)


def uid_copy(cursor: Cursor) -> Copy:
    return _copy(cursor, uid=True, move=False)


def move(cursor: Cursor) -> Copy:  # RFC 6851 §3.1
    return _copy(cursor, uid=False, move=True)


def uid_move(cursor: Cursor) -> Copy:
    return _copy(cursor, uid=True, move=True)


def _copy(cursor: Cursor, *, uid: bool, move: bool) -> Copy:
    cursor.space()
    seqset = cursor.seqset()
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.end()
    return Copy(seqset, mailbox, uid, move)


def uid_expunge(cursor: Cursor) -> UidExpunge:  # RFC 4315 §2.1
    cursor.space()
    seqset = cursor.seqset()
    cursor.end()
    return UidExpunge(seqset)
