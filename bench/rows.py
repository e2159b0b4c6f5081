"""The table of rows. To add one: a function from Bed to Figure, and a line here.

Owns: names, words, units and aims. Never: measures. Raises: KeyError for a row that does not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import (
    arriving,
    authentication,
    changes,
    holding,
    idling,
    mailbox,
    maildrop,
    relaying,
    storm,
    underload,
    workers,
)
from bench.bed import Bed
from bench.figures import Aim, Figure, ratio, value


@dataclass(frozen=True)
class Row:
    """`scans`: an operation looks at every message, so its work grows with the folder."""

    name: str
    what: str
    unit: str
    aim: Aim | None
    measure: Callable[[Bed], Figure]
    scans: bool = False


@dataclass(frozen=True)
class Group:
    """Rows that are measured together. `sides`: ours, and what it is compared with. `once`: not in every run."""

    name: str
    title: str
    rows: tuple[Row, ...]
    sides: tuple[str, ...] = ("postroom", "peers")
    once: bool = False


OURS = ("postroom",)
WORKERS = ("1 worker", "2 workers")


def _smtp(connections: int, mailboxes: int) -> tuple[Row, Row]:
    words = f"{connections} connections, {mailboxes} mailbox{'es' if mailboxes > 1 else ''}"
    name = f"{connections}-{mailboxes}"
    measure = partial(arriving.accepted, connections=connections, mailboxes=mailboxes)
    arrived = partial(arriving.delivered, connections=connections, mailboxes=mailboxes)
    return (
        Row(f"accepted-{name}", f"SMTP accepted, {words}", "msg/s", None, measure),
        Row(f"delivered-{name}", f"SMTP delivered, {words}", "msg/s", ratio(5), arrived),
    )


def _all(name: str, what: str, aim: float, command: bytes) -> Row:
    return Row(name, what, "msg/s", ratio(aim), partial(mailbox.all_messages, command=command))


def _cold(name: str, what: str, aim: float, command: bytes) -> Row:
    return Row(name, what, "msg/s", ratio(aim), partial(mailbox.all_cold, command=command, name=name))


def _checked(connections: int, mailboxes: int, workers: int = 2) -> Row:
    """By as many processes as there are processors, as the peers do it; or by one, without an aim."""
    _, arrived = _smtp(connections, mailboxes)
    measure = partial(authentication.delivered, connections=connections, mailboxes=mailboxes, workers=workers)
    name = arrived.name.replace("delivered", "checked")
    if workers == 1:
        return Row(f"{name}-one", f"{arrived.what}, by one process", arrived.unit, None, measure)
    return Row(name, arrived.what, arrived.unit, ratio(3), measure)


def _asked(name: str, what: str, aim: float, commands: Callable[[int], bytes]) -> Row:
    return Row(name, what, "op/s", ratio(aim), partial(mailbox.question, commands=commands), scans=True)


def _asked_cold(name: str, what: str, aim: float, command: bytes) -> Row:
    return Row(name, what, "op/s", ratio(aim), partial(mailbox.question_cold, command=command, name=name), scans=True)


def _store(name: str, what: str, command: bytes, before: bytes) -> Row:
    return Row(name, what, "msg/s", ratio(1), partial(mailbox.store_all, command=command, before=before))


def _pushed(sessions: str, which: str, part: float, limit: float) -> Row:
    def measure(bed: Bed) -> Figure:
        return idling.push(bed, bed.sizes.many_sessions if sessions == "1000" else bed.sizes.few_sessions, part)

    what = f"APPEND until EXISTS, {int(sessions):,} sessions in IDLE: {which}"
    return Row(f"idle-{sessions}-{which}", what, "ms", value(limit), measure)


def _under_load(name: str, what: str, measure: Callable[[Bed, float], Figure]) -> tuple[Row, Row, Row]:
    return (
        Row(f"{name}-median", f"{what}: median", "ms", None, lambda bed: measure(bed, 0.5)),
        Row(f"{name}-p99", f"{what}: p99", "ms", value(50), lambda bed: measure(bed, 0.99)),
        Row(f"{name}-max", f"{what}: longest", "ms", None, lambda bed: measure(bed, 1.0)),
    )


_ARRIVING = (
    *_smtp(20, 20),
    *_smtp(20, 1),
    *_smtp(100, 20),
    *_smtp(100, 1),
    Row("append-1", "APPEND, 1 connection", "msg/s", ratio(1), arriving.append_one),
    Row("append-10", "APPEND, 10 connections", "msg/s", ratio(2), arriving.append_many),
    Row("login", "connect and LOGIN", "op/s", ratio(1), arriving.login),
)
_SEEN, _UNSEEN = b"STORE 1:* +FLAGS (\\Seen)", b"STORE 1:* -FLAGS.SILENT (\\Seen)"
_SILENTLY_SEEN = b"STORE 1:* +FLAGS.SILENT (\\Seen)"
_MAILBOX = (
    Row("select", "SELECT of 10,000", "op/s", ratio(1), mailbox.select),
    Row("select-large", "SELECT of 100,000", "op/s", ratio(1), mailbox.select_large),
    _all("fetch-flags", "UID FETCH 1:* (FLAGS)", 1, mailbox.FLAGS),
    _cold("overview-cold", "overview of all, cold", 4, mailbox.OVERVIEW),
    _all("overview", "overview of all, warm", 1.5, mailbox.OVERVIEW),
    _cold("fields-cold", "HEADER.FIELDS of all, cold", 2, mailbox.FIELDS),
    _all("fields", "HEADER.FIELDS of all, warm", 1, mailbox.FIELDS),
    _all("whole", "BODY.PEEK[] of all", 1, mailbox.WHOLE),
    Row("one-header", "FETCH of one header at a time", "op/s", ratio(1), mailbox.one_header),
    Row("noop", "NOOP", "op/s", ratio(1), mailbox.noop),
    _store("store-seen", "STORE 1:* +FLAGS (\\Seen)", _SEEN, _UNSEEN),
    _store("store-unseen-silent", "STORE 1:* -FLAGS.SILENT (\\Seen)", _UNSEEN, _SILENTLY_SEEN),
    Row("store-one", "STORE of one flag at a time", "op/s", ratio(1), mailbox.store_one),
    _asked("search-flags", "SEARCH UNSEEN FLAGGED", 1, mailbox.search_flags),
    _asked("search-since", "SEARCH SINCE LARGER", 1, mailbox.search_since),
    _asked("search-from", "SEARCH FROM", 10, mailbox.search_from),
    _asked("search-subject", "SEARCH SUBJECT", 10, mailbox.search_subject),
    _asked_cold("search-body-cold", "SEARCH BODY, cold", 100, mailbox.search_body(0)),
    _asked("search-body", "SEARCH BODY, warm", 100, mailbox.search_body),
    _asked("search-text", "SEARCH TEXT of what is nowhere", 100, mailbox.search_rare),
    _asked_cold("sort-cold", "SORT (SUBJECT), cold", 1, mailbox.SORT),
    _asked("sort", "SORT (SUBJECT), warm", 1, lambda number: mailbox.SORT),
    _asked_cold("thread-cold", "THREAD REFERENCES, cold", 5, mailbox.THREAD),
    _asked("thread", "THREAD REFERENCES, warm", 5, lambda number: mailbox.THREAD),
    Row("copy", "COPY of all", "msg/s", ratio(2), mailbox.copy_all),
    Row("expunge", "EXPUNGE of all", "msg/s", ratio(1), mailbox.expunge_all),
)
_CHANGES = (
    Row("select-open", "SELECT, open elsewhere", "op/s", None, changes.select_open),
    Row("append-told", "APPEND, told in IDLE", "op/s", None, changes.append_told),
    Row("expunge-told", "STORE \\Deleted, UID EXPUNGE, told in IDLE", "op/s", None, changes.expunge_told),
    Row("resync", "SELECT QRESYNC, one change", "op/s", None, changes.resync),
    Row("changed-since", "UID FETCH CHANGEDSINCE, one change", "op/s", None, changes.changed_since),
    Row("search-few", "SEARCH UNSEEN, a few at the end", "op/s", None, changes.search_few),
)
_POP3 = (
    Row("pop3-login", "POP3 connect, sign in and QUIT, 2,000 messages", "op/s", ratio(1), maildrop.login),
    Row("pop3-uidl", "POP3 UIDL of 2,000", "msg/s", ratio(1), partial(maildrop.listing, command=b"UIDL")),
    Row("pop3-list", "POP3 LIST of 2,000", "msg/s", ratio(1), partial(maildrop.listing, command=b"LIST")),
    Row("pop3-retr", "POP3 RETR one by one", "msg/s", ratio(1), maildrop.retrieve),
)
_IDLE = (
    _pushed("200", "median", 0.5, 10),
    _pushed("200", "p99", 0.99, 50),
    _pushed("1000", "median", 0.5, 10),
    _pushed("1000", "p99", 0.99, 50),
)
_MEMORY = (
    Row("memory-rest", "server at rest", "MiB", value(90), idling.memory_at_rest),
    Row("memory-plain", "an idle IMAP session", "KiB", value(12), partial(idling.memory_of_session, tls=False)),
    Row("memory-tls", "an idle IMAP session, TLS", "KiB", value(40), partial(idling.memory_of_session, tls=True)),
)
_HELD = (
    Row(
        "held-sessions", "10,000 idle TLS sessions: still there at the end", "sessions", value(10_000), holding.sessions
    ),
    Row("held-memory", "memory of each of them, new mail and accounts included", "KiB", None, holding.memory),
    Row("held-accepted-median", "delivery beside them: median", "ms", None, partial(holding.accepted, part=0.5)),
    Row("held-accepted-p99", "delivery beside them: p99", "ms", value(250), partial(holding.accepted, part=0.99)),
    Row("held-told-median", "until told in IDLE: median", "ms", None, partial(holding.told, part=0.5)),
    Row("held-told-p99", "until told in IDLE: p99", "ms", None, partial(holding.told, part=0.99)),
)
_LOAD = (
    *_under_load("load-noop", "NOOP", underload.noop),
    *_under_load("load-header", "FETCH of one header", underload.header),
)
_WORKERS = (
    Row("workers-delivered", "SMTP delivered, 20 connections, 20 mailboxes", "msg/s", ratio(1.6), workers.delivered),
    Row("workers-overview", "overview of all, 8 clients, an account each", "msg/s", ratio(1.6), workers.overview),
    Row("workers-since", "SEARCH SINCE LARGER, 8 clients, an account each", "op/s", ratio(1.6), workers.looking),
    Row("workers-search", "SEARCH BODY, 8 clients, an account each", "op/s", ratio(1.6), workers.search),
)
_STORM = (
    Row("storm-sign-ins", "connect and LOGIN, the password proven before", "op/s", value(500), storm.sign_ins),
    Row("storm-noop-median", "NOOP beside them: median", "ms", None, partial(storm.noop, part=0.5)),
    Row("storm-noop-p99", "NOOP beside them: p99", "ms", value(50), partial(storm.noop, part=0.99)),
    Row("storm-noop-max", "NOOP beside them: longest", "ms", None, partial(storm.noop, part=1.0)),
)
_RELAYING = (
    Row("relayed", "10,000 messages to one destination", "msg/s", ratio(2), relaying.relayed),
    Row("relayed-many", "10,000 messages to 1,000 destinations", "msg/s", None, relaying.to_many),
    Row("relayed-down", "the same, 50 of them down: to the good ones", "msg/s", None, relaying.some_down),
    Row("relayed-cost", "how much longer that takes", "times", value(1.1), relaying.cost_of_down),
)
_CHECKS = (
    Row(
        "checks-5k",
        "SPF, DKIM (RSA, Ed25519) and DMARC of 5 kB",
        "ms",
        value(1.5),
        partial(authentication.checking, octets=5_000),
    ),
    Row("checks-1m", "the same of 1 MB", "ms", value(10), partial(authentication.checking, octets=1_000_000)),
    Row("signing-5k", "signing 5 kB with both", "ms", value(0.5), partial(authentication.signing, octets=5_000)),
    Row("signing-1m", "the same of 1 MB", "ms", value(10), partial(authentication.signing, octets=1_000_000)),
    Row("checks-hostile", "the dearest of 200 hostile messages", "ms", value(50), authentication.hostile),
)
_CHECKED = (_checked(20, 20), _checked(20, 1), _checked(100, 20), _checked(100, 1), _checked(20, 20, workers=1))
GROUPS = (
    Group("arriving", "Mail that arrives, people who sign in", _ARRIVING),
    Group("mailbox", "A folder of 10,000 messages", _MAILBOX),
    Group("relaying", "A full queue that is let go", _RELAYING),
    Group("checks", "Who really sent it: processor time, with the DNS warm", _CHECKS, OURS, once=True),
    Group(
        "checked",
        "Mail that arrives and is checked, by two processes (`process.workers = 2`); the peers check nothing",
        _CHECKED,
    ),
    Group("changes", "One change in a folder of 10,000 messages", _CHANGES),
    Group("pop3", "A maildrop of 2,000 messages", _POP3),
    Group("idle", "New mail until it is told", _IDLE),
    Group("memory", "Memory", _MEMORY, once=True),
    Group("held", "10,000 idle TLS sessions", _HELD, OURS, once=True),
    Group("load", "A quick question to a busy server", _LOAD, OURS, once=True),
    Group("storm", "Signing in while 1,000 addresses try wrong passwords", _STORM, OURS, once=True),
    Group("workers", "Two processes instead of one", _WORKERS, WORKERS),
)
# What can be asked of one account of any size; what adds to its INBOX comes last.
GROWING = (*(row for row in _MAILBOX if row.name != "select-large"), *_CHANGES, *_POP3, _smtp(20, 1)[1])
ROWS = {row.name: row for group in GROUPS for row in group.rows}


def group_of(name: str) -> Group:
    return next(group for group in GROUPS if any(row.name == name for row in group.rows))


def chosen(only: list[str]) -> dict[str, set[str]]:
    """Names of the rows to measure by group, for names of groups and rows. Raises KeyError for any other."""
    wanted: dict[str, set[str]] = {}
    for name in only:
        by_name = {group.name: group for group in GROUPS}
        if name in by_name:
            wanted.setdefault(name, set()).update(row.name for row in by_name[name].rows)
        else:
            wanted.setdefault(group_of(ROWS[name].name).name, set()).add(name)
    return wanted
