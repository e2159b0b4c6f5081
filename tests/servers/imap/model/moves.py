"""What a client of the model can do: from drawn numbers to commands that make sense to it. Not a test itself."""

import re
from dataclasses import dataclass

from tests.servers.imap.room import message

from .ledger import FLAGS, Flags
from .picture import Picture, numbers_of, seqset_of
from .player import Player

STATUS = re.compile(rb"\* STATUS .*\(UIDVALIDITY (\d+) UIDNEXT (\d+) HIGHESTMODSEQ (\d+)\)")
NAMES = ("INBOX", "Box", "INBOX", "Other", "New")
MODES = ("FLAGS", "+FLAGS", "-FLAGS")
WITHOUT_MAILBOX = (
    "append",
    "multiappend",
    "create",
    "rename",
    "delete mailbox",
    "status",
    "idle",
    "drop",
    "noop",
    "check",
)
WITH_MAILBOX = (
    "store",
    "store",
    "silent",
    "conditional",
    "conditional",
    "delete",
    "delete",
    "expunge",
    "uid expunge",
    "copy",
    "move",
    "replace",
    "fetch",
    "uid fetch",
    "changed since",
    "read",
    "search",
    "uid search",
    "save",
    "select",
    "close",
)
# More of what changes the mailbox than of what takes it away
OPERATIONS = (*WITH_MAILBOX, *WITH_MAILBOX, *WITHOUT_MAILBOX, "append", "append", "noop", "idle", "drop", "uid store")
# What does most to each other
TOGETHER = (
    ("delete", "expunge"),
    ("delete", "uid expunge", "drop"),
    ("delete", "expunge", "drop", "select"),
    ("store", "fetch", "store", "drop", "delete", "expunge"),
    ("store", "silent"),
    ("conditional", "conditional", "store"),
    ("idle", "delete", "expunge", "append"),
    ("select", "rename", "delete mailbox", "create"),
    ("uid search", "search", "delete", "expunge"),
    ("move", "copy", "append"),
    ("read", "replace", "multiappend"),
    ("drop", "append", "move"),
)
LEAVES = ("select", "close", "delete mailbox")  # what comes after it can't be said before it is answered


@dataclass(frozen=True, slots=True)
class Step:
    """What one client does; `joins` when it does so while the commands before it are under way."""

    who: int
    what: str
    at: int
    span: int
    flag: str
    mode: str
    joins: bool


def play(player: Player, step: Step) -> None:
    """Send the commands of a step."""
    what, at, span = step.what, step.at, step.span
    name = NAMES[at % len(NAMES)]
    other = NAMES[(at + span) % len(NAMES)]
    player.done()
    if span != 5 and player.picture is not None:
        player.learn()
    if what == "append":
        player.append(f"APPEND {name}", [_message(player, step)])
    elif what == "multiappend":
        player.append(f"APPEND {name}", [_message(player, step) for _ in range(span + 1)])
    elif what == "create":
        player.send(f"CREATE {name}")
    elif what == "rename":
        _rename(player, name, other, at)
    elif what == "delete mailbox":
        _delete(player, name)
    elif what == "status":
        _status(player, name)
    elif what == "idle":
        player.idle()
    elif what == "noop":
        player.send("NOOP")
    elif player.picture is not None:
        _with_mailbox(player, player.picture, step, name)


def _with_mailbox(player: Player, picture: Picture, step: Step, name: str) -> None:
    what, known = step.what, picture.known()
    if what == "select":
        player.select(name)
    elif what == "close":
        _close(player, picture)
    elif what == "expunge":
        if not player.kind.examine:
            player.send("EXPUNGE")
    elif known:
        first = step.at % len(known)
        _with_messages(player, picture, step, known[first : first + step.span + 1], name)


def _with_messages(player: Player, picture: Picture, step: Step, uids: list[int], name: str) -> None:
    what, by_uid = step.what, not player.numbers_are_good or step.at % 3 == 0
    target = seqset_of(uids if by_uid else [picture.uids.index(uid) + 1 for uid in uids])
    prefix = "UID " if by_uid else ""
    if what in ("store", "silent", "conditional", "delete", "uid store"):
        _store(player, picture, step, uids, target, by_uid)
    elif what == "uid expunge":
        if not player.kind.examine:
            player.send(f"UID EXPUNGE {seqset_of(uids)}")
    elif what == "copy":
        player.copy(f"{prefix}COPY {target} {name}", uids, move=False)
    elif what == "move":
        if not player.kind.examine:
            player.copy(f"{prefix}MOVE {target} {name}", uids, move=True)
    elif what == "replace":
        if not player.kind.examine:
            number = target.split(",")[0]
            player.append(f"{prefix}REPLACE {number} {name}", [_message(player, step)], uids[0])
    elif what == "read":
        player.read_messages(f"{prefix}FETCH {target} (UID BODY[HEADER])", uids, expunge=by_uid)
    elif what == "search":
        if not by_uid:
            _search(player, picture, uids, target, uid=False)
    elif what == "uid search":
        _search(player, picture, uids, target, uid=True)
    elif what == "save":
        _save(player, step, uids)
    else:
        _fetch(player, picture, step, uids, target, by_uid)


def _message(player: Player, step: Step) -> tuple[str, Flags, bytes]:
    subject = player.ledger.new_subject()
    return subject, frozenset((step.flag,) if step.at % 3 == 0 else ()), message(subject)


def _rename(player: Player, name: str, other: str, at: int) -> None:
    if name == "INBOX":
        if at % 4:
            return
        player.ledger.inbox_renames += 1
    if other != "INBOX":
        player.send(f"RENAME {name} {other}")


def _delete(player: Player, name: str) -> None:
    if name == "INBOX":
        return
    player.ledger.deletes += 1
    picture = player.picture

    def answered(answer: bytes) -> None:
        # its own selected mailbox may have got this name from others: the client looks anew
        if answer.startswith(b"OK") and picture is not None:
            player.leave_mailbox()
            player.picture = None

    player.send(f"DELETE {name}", answered=answered)


def _status(player: Player, name: str) -> None:
    if not player.condstore:
        return  # asking for HIGHESTMODSEQ would make it a client of CONDSTORE (RFC 7162 §3.1)

    def hears(line: bytes) -> None:
        if (found := STATUS.match(line)) is not None:
            validity, uid_next, highest = map(int, found.groups())
            player.ledger.told_next(validity, uid_next)
            player.ledger.told_highest(validity, highest)

    player.send(f"STATUS {name} (UIDVALIDITY UIDNEXT HIGHESTMODSEQ)", hears=hears)


def _close(player: Player, picture: Picture) -> None:
    def answered(answer: bytes) -> None:
        assert answer.startswith(b"OK")
        player.leave_mailbox()
        player.picture = None

    player.send("CLOSE", expunge=False, answered=answered)


def _store(player: Player, picture: Picture, step: Step, uids: list[int], target: str, by_uid: bool) -> None:
    mode, flag, since = step.mode, step.flag, None
    if step.what == "delete":
        mode, flag = "+FLAGS", "\\Deleted"
    elif step.what == "conditional":
        if not player.condstore:
            return
        since = max((picture.modseqs.get(uid, 0) for uid in uids), default=0)
    silent = step.what == "silent" or (since is not None and step.span % 2 == 1)
    player.store(target, uids, mode, flag, silent=silent, since=since, by_uid=by_uid)


def _fetch(player: Player, picture: Picture, step: Step, uids: list[int], target: str, by_uid: bool) -> None:
    items = "FLAGS MODSEQ" if player.condstore else "FLAGS"
    if step.what == "changed since" and player.condstore:
        vanished = " VANISHED" if by_uid and player.kind.has("QRESYNC") and step.span % 2 else ""
        since = max(picture.modseq - step.span, 1)
        prefix, target = ("UID ", f"1:{uids[-1]}") if by_uid else ("", f"1:{target.split(',')[-1]}")
        player.send(f"{prefix}FETCH {target} (UID {items}) (CHANGEDSINCE {since}{vanished})", expunge=by_uid)
        return
    wanted = f"(UID {items} BODY.PEEK[HEADER.FIELDS (SUBJECT)])"

    def answered(answer: bytes) -> None:
        if not by_uid:  # even of those that are gone without the client's knowing (RFC 2180 §4.1)
            assert set(numbers_of(target.encode())) <= picture.answered

    player.send(f"{'UID ' if by_uid else ''}FETCH {target} {wanted}", expunge=by_uid, answered=answered)


def _search(player: Player, picture: Picture, uids: list[int], target: str, *, uid: bool) -> None:
    """By message numbers: they are the client's, and no EXPUNGE comes in between, to UID SEARCH neither (RFC 7162
    §3.2.10.2)."""
    by_number = player.numbers_are_good
    if uid and by_number:
        target = seqset_of(picture.uids.index(one) + 1 for one in uids)
    wanted = uids if uid else numbers_of(target.encode())

    def hears(line: bytes) -> None:
        found = _found(line)
        if found is None:
            return
        if by_number:
            assert found == wanted, (line, wanted)
        else:
            assert set(found) <= set(wanted), (line, wanted)

    key = target if by_number else f"UID {target}"
    player.send(f"{'UID ' if uid else ''}SEARCH {key}", expunge=uid and not by_number, hears=hears)


def _found(line: bytes) -> list[int] | None:
    """The numbers in a SEARCH or ESEARCH response."""
    if line.startswith(b"* SEARCH"):
        return [int(word) for word in line.partition(b"(")[0].split()[2:]]
    if line.startswith(b"* ESEARCH"):
        words = line.split()
        return numbers_of(words[words.index(b"ALL") + 1]) if b"ALL" in words else []
    return None


def _save(player: Player, step: Step, uids: list[int]) -> None:
    """ "$" is used before the client knows what it stands for (RFC 5182 §2.1)."""
    player.saved = None

    def hears(line: bytes) -> None:
        if (found := _found(line)) is not None:
            player.saved = found

    player.send(f"UID SEARCH RETURN (SAVE ALL) UID {seqset_of(uids)}", hears=hears)
    if step.flag in FLAGS and step.flag != "\\Deleted":
        player.store_saved(step.flag)
    else:
        items = "FLAGS MODSEQ" if player.condstore else "FLAGS"
        player.send(f"UID FETCH $ ({items})")
