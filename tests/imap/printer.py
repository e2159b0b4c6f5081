"""Commands and events as a client would write them, in one canonical form: for transcripts and round trips."""

from datetime import date

from postroom.imap.encode import date_time, quoted, string
from postroom.imap.notify import EventGroup, Notify, NotifyEvent
from postroom.imap.seqset import written
from postroom.imap.types import (
    All,
    And,
    Append,
    Authenticate,
    Bad,
    Bare,
    Command,
    Copy,
    Create,
    DateField,
    DateRange,
    Delete,
    Enable,
    Event,
    Fatal,
    Fetch,
    FetchItem,
    Got,
    HasFlag,
    Id,
    InSet,
    Item,
    Larger,
    Line,
    List,
    Login,
    ModSeq,
    Not,
    Or,
    Piece,
    Rename,
    Search,
    SearchKey,
    Select,
    Smaller,
    Status,
    Store,
    Subscribe,
    Text,
    TextIn,
    UidExpunge,
)
from postroom.imap.utf7 import encode as utf7

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def mailbox(name: str) -> bytes:
    return string(utf7(name))


def words(names: tuple[bytes, ...]) -> bytes:
    return b"(%b)" % b" ".join(names)


def flags(names: tuple[str, ...]) -> bytes:
    return words(tuple(name.encode() for name in names))


def print_item(item: FetchItem) -> bytes:
    if isinstance(item, Item):
        return item.value
    if item.label.startswith(b"RFC822"):
        return item.label
    spec = ".".join(map(str, item.part)).encode()
    spec += b"." * bool(item.part and item.text.value) + item.text.value
    if item.fields:
        spec += b" " + words(tuple(map(quoted, item.fields)))
    partial = b"<%d.%d>" % item.partial if item.partial else b""
    return (b"BODY.PEEK[%b]%b" if item.peek else b"BODY[%b]%b") % (spec, partial)


def day(ordinal: int) -> bytes:
    at = date.fromordinal(ordinal)
    return f"{at.day}-{MONTHS[at.month - 1]}-{at.year:04}".encode()


def print_dates(key: DateRange) -> bytes:
    sent = b"SENT" if key.field is DateField.SENT else b""
    if key.first is None:
        assert key.last is not None
        return sent + b"BEFORE " + day(key.last + 1)
    return sent + (b"SINCE " if key.last is None else b"ON ") + day(key.first)


def print_key(key: SearchKey) -> bytes:
    match key:
        case All():
            return b"ALL"
        case HasFlag(flag, present):
            if flag == "\\Recent":
                return b"RECENT" if present else b"OLD"
            no = b"" if present else b"UN"
            if flag.startswith("\\"):
                return no + flag[1:].upper().encode()
            return no + b"KEYWORD " + flag.encode()
        case DateRange():
            return print_dates(key)
        case Larger(octets):
            return b"LARGER %d" % octets
        case Smaller(octets):
            return b"SMALLER %d" % octets
        case Text(where, needle, name):
            if where is TextIn.HEADER:
                return b"HEADER %b %b" % (string(name.encode()), string(needle.encode()))
            return where.name.encode() + b" " + string(needle.encode())
        case InSet(seqset, uid):
            return b"UID " * uid + written(seqset)
        case Not(inner):
            return b"NOT " + print_key(inner)
        case Or(left, right):
            return b"OR %b %b" % (print_key(left), print_key(right))
        case And(keys):
            return b"(%b)" % b" ".join(map(print_key, keys))
        case ModSeq():
            raise AssertionError("CONDSTORE is not spoken")


def print_list(command: List) -> bytes:
    text = words(command.select_options) + b" " if command.select_options else b""
    text += mailbox(command.reference) + b" "
    patterns = tuple(map(mailbox, command.patterns))
    text += patterns[0] if len(patterns) == 1 else words(patterns)
    if command.return_options or (command.extended and not command.select_options and len(patterns) == 1):
        text += b" RETURN " + words(command.return_options)
    return text


def print_store(command: Store) -> bytes:
    silent = b".SILENT" * command.silent
    since = b"" if command.unchanged_since is None else b" (UNCHANGEDSINCE %d)" % command.unchanged_since
    return b"%b%b %b%b %b" % (written(command.seqset), since, command.mode.value, silent, flags(command.flags))


def print_fetch(command: Fetch) -> bytes:
    modifiers = []
    if command.changed_since is not None:
        modifiers.append(b"CHANGEDSINCE %d" % command.changed_since)
    if command.vanished:
        modifiers.append(b"VANISHED")
    if command.window is not None:
        modifiers.append(b"PARTIAL %d:%d" % command.window)
    text = written(command.seqset) + b" " + words(tuple(map(print_item, command.items)))
    return text + b" " + words(tuple(modifiers)) if modifiers else text


def print_select(command: Select) -> bytes:
    params = [b"CONDSTORE"] if command.condstore else []
    if (known := command.resync) is not None:
        values = b"%d %d" % (known.uid_validity, known.modseq)
        if known.known_uids is not None:
            values += b" " + written(known.known_uids)
        if known.matches is not None:
            values += b" (%b %b)" % tuple(map(written, known.matches))
        params.append(b"QRESYNC (%b)" % values)
    return mailbox(command.mailbox) + (b" " + words(tuple(params)) if params else b"")


def print_append(command: Append) -> bytes:
    text = mailbox(command.mailbox)
    if command.flags:
        text += b" " + flags(command.flags)
    if command.internal_date is not None:
        text += b" " + date_time(command.internal_date)
    return text + (b" {%d}" if command.sync else b" {%d+}") % command.size


def print_id(command: Id) -> bytes:
    if command.fields is None:
        return b"NIL"
    pairs = [b"%b %b" % (string(name), b"NIL" if value is None else string(value)) for name, value in command.fields]
    return words(tuple(pairs))


def print_group(group: EventGroup) -> bytes:
    text = group.mailboxes.scope.value
    if group.mailboxes.mailboxes:
        text += b" " + words(tuple(map(mailbox, group.mailboxes.mailboxes)))
    events = []
    for event in NotifyEvent:
        if event in group.events:
            events.append(event.value)
            if event is NotifyEvent.MESSAGE_NEW and group.items:
                events.append(words(tuple(map(print_item, group.items))))
    return words((text, words(tuple(events)) if events else b"NONE"))


def print_notify(command: Notify) -> bytes:
    if not command.groups:
        return b"NONE"
    return b"SET " + b"STATUS " * command.status + b" ".join(map(print_group, command.groups))


def print_arguments(command: Command) -> bytes:
    match command:
        case Bare():
            return b""
        case Authenticate(mechanism, initial):
            from base64 import b64encode

            return mechanism + (b"" if initial is None else b" " + (b64encode(initial) or b"="))
        case Login(username, password):
            return string(username) + b" " + string(password)
        case Enable(capabilities):
            return b" ".join(capabilities)
        case Id():
            return print_id(command)
        case Create(name, use):
            return mailbox(name) + (f" (USE ({use}))".encode() if use else b"")
        case Select():
            return print_select(command)
        case Delete(name) | Subscribe(name):
            return mailbox(name)
        case Rename(old, new):
            return mailbox(old) + b" " + mailbox(new)
        case List():
            return print_list(command)
        case Status(name, items):
            return mailbox(name) + b" " + words(tuple(item.value for item in items))
        case Append():
            return print_append(command)
        case Search(key, _, charset):
            text = print_key(key)
            return b"CHARSET %b %b" % (charset, text) if charset else text
        case Fetch():
            return print_fetch(command)
        case Store():
            return print_store(command)
        case Copy(seqset, name):
            return written(seqset) + b" " + mailbox(name)
        case UidExpunge(seqset):
            return written(seqset)
        case Notify():
            return print_notify(command)
    return repr(command).encode()  # an extension's, which has no other canonical form


def name_of(command: Command) -> bytes:
    """The row of the table that a command of the core was made by."""
    match command:
        case Bare(name):
            return name
        case Select(_, read_only):
            return b"EXAMINE" if read_only else b"SELECT"
        case Subscribe(_, on):
            return b"SUBSCRIBE" if on else b"UNSUBSCRIBE"
        case List():
            return b"LSUB" if command.lsub else b"LIST"
        case Copy():
            return b"UID " * command.uid + (b"MOVE" if command.move else b"COPY")
        case Fetch() | Store() | Search():
            return b"UID " * command.uid + type(command).__name__.upper().encode()
        case UidExpunge():
            return b"UID EXPUNGE"
    return type(command).__name__.upper().encode()


def print_command(name: bytes, command: Command) -> bytes:
    """The command without its tag and final CRLF."""
    arguments = print_arguments(command)
    return name + (b" " + arguments if arguments else b"")


def print_event(event: Event) -> str:
    match event:
        case Got(tag, name, command):
            return (tag + b" " + print_command(name, command)).decode("utf-8").replace("\r", "\\r").replace("\n", "\\n")
        case Piece(data, last):
            return f"piece {len(data)}{' last' if last else ''}"
        case Bad(tag, text, status, code):
            return f"{tag.decode()} {status.decode()} {'[' + code.decode() + '] ' if code else ''}{text}"
        case Line(data):
            return f"line {data.decode('ascii', 'backslashreplace')}".rstrip()
        case Fatal(text, code):
            return f"fatal {'[' + code.decode() + '] ' if code else ''}{text}"
