"""Rows about one change in a folder with many messages: what should cost the same however many there are.

Owns: these rows. Never: decides how often they run. Raises: BenchError.
"""

import re
from collections.abc import Callable

from bench.bed import Bed
from bench.clients import Imap, append
from bench.errors import BenchError
from bench.figures import Figure
from bench.messages import message

_TRIES = 15
_A_FEW = 5  # messages
_UIDVALIDITY = re.compile(rb"UIDVALIDITY (\d+)")
_HIGHESTMODSEQ = re.compile(rb"HIGHESTMODSEQ (\d+)")


def select_open(bed: Bed) -> Figure:
    """SELECT of a folder that another session has open."""
    bed.folder()
    return _once_and_again(bed, lambda client: client.run(b"SELECT box"), Imap(bed.side.imap, bed.user("folder")))


def append_told(bed: Bed) -> Figure:
    """APPEND, until a session in IDLE has been told."""
    texts = iter([append("box", message(number), flags=[b"\\Seen"]) for number in range(_TRIES)])
    return _told(bed, lambda client: client.run(next(texts)), b" EXISTS")


def expunge_told(bed: Bed) -> Figure:
    """STORE \\Deleted and UID EXPUNGE of a message that was appended before, until a session in IDLE has been told."""
    client = bed.folder()
    for number in range(_TRIES):
        client.run(append("box", message(number), flags=[b"\\Seen"]))
    said = client.ask(b"UID SEARCH %d:*" % (_exists(client) - _TRIES + 1))
    uids = iter(said.partition(b"* SEARCH")[2].partition(b"\r\n")[0].split())

    def work(client: Imap) -> None:
        uid = next(uids)
        client.run(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uid)
        client.run(b"UID EXPUNGE %b" % uid)

    return _told(bed, work, b" EXPUNGE")


def resync(bed: Bed) -> Figure:
    """SELECT with QRESYNC after one message's flags have changed."""
    away, opened = _away(bed)
    validity, modseq = _number(_UIDVALIDITY, opened), _number(_HIGHESTMODSEQ, opened)
    _change_one(bed)
    command = b"SELECT box (QRESYNC (%d %d 1:%d))" % (validity, modseq, bed.sizes.messages)
    return _once_and_again(bed, lambda client: client.run(command), away)


def changed_since(bed: Bed) -> Figure:
    """UID FETCH CHANGEDSINCE after one message's flags have changed."""
    away, opened = _away(bed)
    modseq = _number(_HIGHESTMODSEQ, opened)
    _change_one(bed)
    command = b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % modseq
    return _once_and_again(bed, lambda client: client.run(command), away)


def search_few(bed: Bed) -> Figure:
    """SEARCH UNSEEN where a few at the end are."""
    client = bed.folder()
    client.run(b"STORE 1:* +FLAGS.SILENT (\\Seen)")
    count = _exists(client)
    client.run(b"STORE %d:%d -FLAGS.SILENT (\\Seen)" % (max(1, count - _A_FEW), count))
    figure = _once_and_again(bed, lambda client: client.run(b"SEARCH UNSEEN"), client)
    client.run(b"STORE 1:* -FLAGS.SILENT (\\Seen)")
    return figure


def _once_and_again(bed: Bed, work: Callable[[Imap], object], client: Imap) -> Figure:
    work(client)

    def all_tries() -> None:
        for _ in range(_TRIES):
            work(client)

    figure = bed.rate(all_tries, _TRIES, bed.tries)
    if client is not bed.folder():
        client.close()
    return figure


def _told(bed: Bed, work: Callable[[Imap], object], word: bytes) -> Figure:
    """One of these after another, each when the last one has been told."""
    client = bed.folder()
    waiting = Imap(bed.side.imap, bed.user("folder"), "box")
    waiting.idle()

    def all_tries() -> None:
        for _ in range(_TRIES):
            work(client)
            waiting.until(word)

    figure = bed.rate(all_tries, _TRIES)
    waiting.close()
    return figure


def _away(bed: Bed) -> tuple[Imap, bytes]:
    """A client that knows the folder as it is now."""
    bed.folder()
    client = Imap(bed.side.imap, bed.user("folder"))
    client.run(b"ENABLE QRESYNC")
    return client, client.ask(b"SELECT box")


def _change_one(bed: Bed) -> None:
    at = max(1, bed.sizes.messages // 3)
    bed.folder().run(b"STORE %d -FLAGS.SILENT ($Touched)" % at)
    bed.folder().run(b"STORE %d +FLAGS.SILENT ($Touched)" % at)


def _exists(client: Imap) -> int:
    """Messages in the folder now."""
    said = client.ask(b"STATUS box (MESSAGES)")
    return int(said.split(b"(MESSAGES ")[1].split(b")")[0])


def _number(what: "re.Pattern[bytes]", said: bytes) -> int:
    if (found := what.search(said)) is None:
        raise BenchError(f"SELECT said {said[-300:]!r}")
    return int(found[1])
