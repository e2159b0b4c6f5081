"""Commands and events as a client would write them, in one canonical form: for transcripts and round trips."""

from datetime import date

from postroom.imap.encode import date_time, quoted, string
from postroom.imap.notify import EventGroup, Notify, NotifyEvent
from postroom.imap.seqset import written
from postroom.imap.sorting import CancelUpdate, Sort, Thread
from postroom.imap.types import (
    All,
    And,
    Append,
    AppendPart,
    Authenticate,
    Bad,
    Bare,
    Begin,
    Binary,
    Command,
    Copy,
    Create,
    DateField,
    DateRange,
    Delete,
    EmailId,
    Enable,
    Event,
    Fatal,
    Fetch,
    FetchItem,
    Fuzzy,
    Got,
    HasFlag,
    Id,
    InSet,
    Item,
    Larger,
    Line,
    List,
    Literal,
    Login,
    ModSeq,
    Next,
    Not,
    Or,
    Piece,
    Preview,
    Rename,
    Replace,
    Search,
    SearchKey,
    SearchReturn,
    Select,
    Smaller,
    Status,
    Store,
    Subscribe,
    Text,
    TextIn,
    ThreadId,
    UidExpunge,
    Url,
    Within,
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
    if isinstance(item, Preview):
        return b"PREVIEW (LAZY)" if item.lazy else b"PREVIEW"
    if isinstance(item, Binary):
        name = b"BINARY.SIZE" if item.size else b"BINARY.PEEK" if item.peek else b"BINARY"
        spec = ".".join(map(str, item.part)).encode()
        return b"%b[%b]%b" % (name, spec, b"<%d.%d>" % item.partial if item.partial else b"")
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
    sent = {DateField.SENT: b"SENT", DateField.SAVED: b"SAVED"}.get(key.field, b"")
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
        case Within(seconds, younger):
            return b"%b %d" % (b"YOUNGER" if younger else b"OLDER", seconds)
        case ModSeq(value):
            return b"MODSEQ %d" % value
        case EmailId(objectid):
            return b"EMAILID " + objectid
        case ThreadId(objectid):
            return b"THREADID " + objectid
        case Fuzzy(inner):
            return b"FUZZY " + print_key(inner)


def print_returns(returns: SearchReturn | None) -> bytes:
    if returns is None:
        return b""
    options = [b"%b" % field.upper().encode() for field in SearchReturn.__dataclass_fields__ if getattr(returns, field)]
    told = [b"PARTIAL %d:%d" % returns.partial if o == b"PARTIAL" and returns.partial else o for o in options]
    return b"RETURN %b " % words(tuple(told))


def print_sorting(command: Sort | Thread | CancelUpdate) -> bytes:
    match command:
        case Sort(criteria, key, _, charset, returns):
            names = words(tuple(b"REVERSE " * one.reverse + one.key.value for one in criteria))
            return print_returns(returns) + b"%b %b %b" % (names, charset, print_key(key))
        case Thread(algorithm, key, _, charset):
            return b"%b %b %b" % (algorithm.value, charset, print_key(key))
        case CancelUpdate(tags):
            return b" ".join(map(quoted, tags))


def print_list(command: List) -> bytes:
    text = words(command.select_options) + b" " if command.select_options else b""
    text += mailbox(command.reference) + b" "
    patterns = tuple(map(mailbox, command.patterns))
    text += patterns[0] if len(patterns) == 1 else words(patterns)
    if command.return_options or (command.extended and not command.select_options and len(patterns) == 1):
        text += b" RETURN " + words(tuple(print_return(option, command) for option in command.return_options))
    return text


def print_return(option: bytes, command: List) -> bytes:
    if option == b"STATUS":
        return b"STATUS " + words(tuple(item.value for item in command.status))
    if option == b"METADATA":
        return b"METADATA " + words(tuple(entry.encode() for entry in command.metadata))
    return option


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


def print_begin(begin: Begin) -> bytes:
    text = b" " + flags(begin.flags) if begin.flags else b""
    return text if begin.internal_date is None else text + b" " + date_time(begin.internal_date)


def print_literal(literal: Literal) -> bytes:
    text = (b"~{%d}" if literal.binary else b"{%d}") % literal.size
    text = text if literal.sync else text[:-1] + b"+}"
    return b"UTF8 (" + text if literal.utf8 else text


def print_parts(parts: tuple[AppendPart, ...], ends: bool) -> bytes:
    """A stretch of an APPEND. Its parts in parentheses unless they are a message that is one literal."""
    text = b""
    for at, part in enumerate(parts):
        match part:
            case Begin():
                plain = len(parts) == at + 2 and isinstance(parts[at + 1], Literal)
                text += b")" if at else b""
                text += print_begin(part) + (b"" if plain else b" CATENATE (")
            case Url(url):
                text += b" URL " + string(url)
            case Literal():
                plain = at > 0 and isinstance(parts[at - 1], Begin)
                text += (b" " if plain or part.utf8 else b" TEXT ") + print_literal(part)
    return text + (b")" if ends else b"")


def print_append(command: Append) -> bytes:
    return mailbox(command.mailbox) + print_parts(command.parts, command.ends).replace(b"( ", b"(")


def print_replace(command: Replace) -> bytes:
    return written(command.replaced) + b" " + print_append(command.append)


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
        case Replace():
            return print_replace(command)
        case Search(key, _, charset, returns):
            text = print_key(key)
            return print_returns(returns) + (b"CHARSET %b %b" % (charset, text) if charset else text)
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
    if isinstance(command, Sort | Thread | CancelUpdate):
        return print_sorting(command)
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
        case Replace():
            return b"UID " * command.uid + b"REPLACE"
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
        case Next(parts, ends):
            return f"next{print_parts(parts, ends).decode()}"
        case Bad(tag, text, status, code):
            return f"{tag.decode()} {status.decode()} {'[' + code.decode() + '] ' if code else ''}{text}"
        case Line(data):
            return f"line {data.decode('ascii', 'backslashreplace')}".rstrip()
        case Fatal(text, code):
            return f"fatal {'[' + code.decode() + '] ' if code else ''}{text}"
