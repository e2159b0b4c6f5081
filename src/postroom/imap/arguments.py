"""The arguments of every command that has no module of its own (RFC 3501 §6, §9).

Owns: one function a command, from the octet behind its name to the end of the line. Never: checks states, runs
anything. Raises: BadSyntax.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import replace

from .fetch_parser import parse_items
from .search_parser import parse_search
from .search_returns import partial_range
from .settings import ImapSettings
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
    Item,
    Login,
    Rename,
    Resync,
    Search,
    Select,
    SeqSet,
    Store,
    StoreMode,
    Subscribe,
    UidExpunge,
)

_STORE = re.compile(rb"([+-]?FLAGS)(\.SILENT)?(?= )", re.IGNORECASE)
_STORE_MODES = {mode.value: mode for mode in StoreMode}
_FETCH_MODIFIERS = re.compile(rb" \(((?:CHANGEDSINCE|VANISHED|PARTIAL)\b[^()]*)\)\Z", re.IGNORECASE)


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
    lenient = cursor.settings.quirk_spelling
    if lenient:
        cursor.take(b" ")
    while not cursor.take(b")"):
        if fields:
            cursor.space()
            if lenient and cursor.take(b")"):
                break
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
    return _select(cursor, read_only=False)


def examine(cursor: Cursor) -> Select:
    return _select(cursor, read_only=True)


def _select(cursor: Cursor, *, read_only: bool) -> Select:
    """mailbox [SP "(" select-param *(SP select-param) ")"] (RFC 4466 §2.1, RFC 7162 §7).

    The name is "", which no mailbox has, for what spells none: the command must fail as one that was carried out and
    has deselected what was selected (RFC 3501 §6.3.1).
    """
    cursor.space()
    try:
        mailbox = cursor.mailbox()
    except BadSyntax as error:
        if error.status != b"NO":
            raise
        return Select("", read_only)
    condstore, resync = False, None
    if cursor.take(b" "):
        cursor.expect(b"(", "Expected SELECT parameters")
        while True:
            name = cursor.atom("Expected a SELECT parameter").upper()
            if name == b"CONDSTORE":
                condstore = True
            elif name == b"QRESYNC" and resync is None:
                resync = _resync(cursor)
            else:
                raise BadSyntax("Unknown SELECT parameter")
            if not cursor.take(b" "):
                break
        cursor.expect(b")", "Invalid SELECT parameters")
    cursor.end()
    return Select(mailbox, read_only, condstore, resync)


def _resync(cursor: Cursor) -> Resync:
    """RFC 7162 §7 select-param: SP "(" uidvalidity SP mod-sequence [SP known-uids] [SP seq-match-data] ")"."""
    cursor.space()
    cursor.expect(b"(", "Expected the values of QRESYNC")
    uid_validity = cursor.number()
    cursor.space()
    modseq = cursor.modseq(zero=cursor.settings.quirk_spelling)
    known: SeqSet | None = None
    matches: tuple[SeqSet, SeqSet] | None = None
    if cursor.data.startswith(b" ", cursor.at) and not cursor.data.startswith(b" (", cursor.at):
        cursor.space()
        known = _without_star(cursor)
    if cursor.take(b" "):
        cursor.expect(b"(", "Expected sequence match data")
        numbers = _ascending(cursor)
        cursor.space()
        matches = (numbers, _ascending(cursor))
        cursor.expect(b")", "Invalid sequence match data")
    cursor.expect(b")", "Invalid values of QRESYNC")
    return Resync(uid_validity, modseq, known, matches)


def _without_star(cursor: Cursor) -> SeqSet:
    """RFC 7162 §7 known-uids, known-sequence-set: no "*" and no "$" is possible."""
    found = cursor.seqset()
    if found.saved or any(low is None or high is None for low, high in found.ranges):
        raise BadSyntax('No "*" is possible here')
    return found


def _ascending(cursor: Cursor) -> SeqSet:
    """RFC 7162 §7 known-sequence-set, known-uid-set: in ascending order, so that none names more than there is."""
    found = _without_star(cursor)
    last = 0
    for low, high in found.ranges:
        if not last < (low or 0) <= (high or 0):
            raise BadSyntax("Sequence match data must be in ascending order")
        last = high or 0
    return found


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
    # Without UID among them, parse_items puts it in front.
    asked = not uid or cursor.data[cursor.at : cursor.at + 4].lstrip(b"(")[:3].upper() == b"UID"
    found = _FETCH_MODIFIERS.search(cursor.data, cursor.at)
    if found is None:
        items = parse_items(cursor, uid)
        return Fetch(seqset, items, uid, uid_asked=asked or items[0] is not Item.UID)
    items = parse_items(Cursor(cursor.data[: found.start()], cursor.at, cursor.settings, utf8=cursor.utf8), uid)
    cursor.at = found.end()
    return _modified(Fetch(seqset, items, uid, uid_asked=asked or items[0] is not Item.UID), found[1], cursor.settings)


def _modified(fetch: Fetch, modifiers: bytes, settings: ImapSettings) -> Fetch:
    """fetch-modifier *(SP fetch-modifier): CHANGEDSINCE, VANISHED (RFC 7162 §3.1.4.1, §3.2.6), PARTIAL (RFC 9394)."""
    least_modseq = 0 if settings.quirk_spelling else 1
    words = iter(modifiers.upper().split(b" "))
    seen: set[bytes] = set()
    for word in words:
        if word in seen:
            raise BadSyntax("A FETCH modifier twice")
        seen.add(word)
        if word == b"CHANGEDSINCE":
            number = next(words, b"")
            if (
                not number.isdigit() or len(number) > 19 or not least_modseq <= int(number) < 2**63
            ):  # RFC 7162 §7 mod-sequence-value
                raise BadSyntax("CHANGEDSINCE needs a modification sequence")
            fetch = replace(fetch, changed_since=int(number))
        elif word == b"VANISHED" and fetch.uid:
            fetch = replace(fetch, vanished=True)
        elif word == b"PARTIAL":
            bounds = Cursor(next(words, b""), 0, settings)
            first, last = sorted(partial_range(bounds), key=abs)
            bounds.end()
            fetch = replace(fetch, window=(first, last))
        else:
            raise BadSyntax("Unknown FETCH modifier")
    if fetch.vanished and fetch.changed_since is None:
        raise BadSyntax("VANISHED needs CHANGEDSINCE")  # RFC 7162 §3.2.6
    if fetch.changed_since is not None and Item.MODSEQ not in fetch.items:  # RFC 7162 §3.1.4.1
        fetch = replace(fetch, items=(*fetch.items, Item.MODSEQ))
    return fetch


def store(cursor: Cursor) -> Store:
    return _store(cursor, False)


def uid_store(cursor: Cursor) -> Store:
    return _store(cursor, True)


def _store(cursor: Cursor, uid: bool) -> Store:
    cursor.space()
    seqset = cursor.seqset()
    cursor.space()
    unchanged_since: int | None = None
    if cursor.take(b"("):  # RFC 7162 §7 store-modifier
        if cursor.atom("Expected a STORE modifier").upper() != b"UNCHANGEDSINCE":
            raise BadSyntax("Unknown STORE modifier")
        cursor.space()
        unchanged_since = cursor.modseq(zero=True)
        cursor.expect(b")", "Invalid STORE modifier")
        cursor.space()
    found = _STORE.match(cursor.data, cursor.at)
    if found is None:
        raise BadSyntax("Expected FLAGS, +FLAGS or -FLAGS")
    cursor.at = found.end() + 1
    flags = cursor.flag_list() if cursor.next() == b"(" else cursor.flags()
    cursor.end()
    return Store(seqset, _STORE_MODES[found[1].upper()], found[2] is not None, flags, uid, unchanged_since)


def search(cursor: Cursor) -> Search:
    return parse_search(cursor, uid=False)


def uid_search(cursor: Cursor) -> Search:
    return parse_search(cursor, uid=True)


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
