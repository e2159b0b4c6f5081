"""What a client pays in a folder of 1,000, 10,000 and 100,000 messages: what should cost as much in each of them.

Each figure is the median of some tries, in microseconds from the first octet sent to the last one read (per message for
the FETCH of all flags); behind the three sizes stands the cost at 100,000 over that at 1,000.
"""

import re
import socket
import statistics
import time
from collections.abc import Callable

SIZES = (1_000, 10_000, 100_000)
_TRIES = 15
_AT_ONCE = 50  # messages of one MULTIAPPEND
_LARGEST_COPY = 20_000  # messages
_UIDVALIDITY = re.compile(rb"UIDVALIDITY (\d+)")
_HIGHESTMODSEQ = re.compile(rb"HIGHESTMODSEQ (\d+)")

Figures = dict[str, tuple[float, str]]


class Client:
    """One IMAP connection, as quick as may be."""

    def __init__(self, port: int, user: str, password: str, folder: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._tag = 0
        self.until(b"\r\n")
        self.say(b'LOGIN %b "%b"' % (user.encode(), password.encode()))
        if folder:
            self.say(b"SELECT %b" % folder.encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """All up to the end of the line that has `end` in it."""
        said = self._rest
        searched = 0
        while (at := said.find(end, searched)) < 0 or (line_end := said.find(b"\n", at)) < 0:
            searched = max(0, len(said) - len(end))
            piece = self._socket.recv(1 << 20)
            if not piece:
                raise SystemExit(f"bench: the server closed the connection: {said[-200:]!r}")
            said += piece
        self._rest = said[line_end + 1 :]
        return said[: line_end + 1]

    def say(self, command: bytes) -> bytes:
        """Everything that a command is answered, which must be OK."""
        self._tag += 1
        tag = b"z%d" % self._tag
        self.send(b"%b %b\r\n" % (tag, command))
        said = self.until(tag + b" ")
        if not said[said.rindex(tag) :].startswith(tag + b" OK"):
            raise SystemExit(f"bench: {command[:80]!r}: {said[-200:]!r}")
        return said

    def close(self) -> None:
        self._socket.close()


def _microseconds(work: Callable[[], object], tries: int = _TRIES) -> float:
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def _message(number: int) -> bytes:
    return b"From: a@load.test\r\nSubject: number %d\r\nMessage-ID: <%d@load.test>\r\n\r\nHello.\r\n" % (number, number)


def fill(client: Client, folder: str, size: int) -> None:
    """A folder of seen messages: a few are appended, the rest are copies."""
    name = folder.encode()
    client.say(b"CREATE " + name)
    first = min(size, 1000)
    for start in range(0, first, _AT_ONCE):
        for number in range(start, min(start + _AT_ONCE, first)):
            octets = _message(number)
            client.say(b"APPEND %b (\\Seen) {%d+}\r\n%b" % (name, len(octets), octets))
    client.say(b"SELECT " + name)
    have = first
    while have < size:
        more = min(have, size - have, _LARGEST_COPY)
        client.say(b"UID COPY 1:%d %b" % (more, name))
        have += more
    client.say(b"UNSELECT")
    time.sleep(1)  # what such a load leaves to be done in the background is not what is measured


def measure(port: int, user: str, password: str, folder: str, size: int) -> dict[str, float]:
    """Microseconds by what was done."""
    name = folder.encode()
    found: dict[str, float] = {}
    filler = Client(port, user, password)
    fill(filler, folder, size)
    selecting = Client(port, user, password)

    def select() -> None:
        selecting.say(b"SELECT " + name)
        selecting.say(b"UNSELECT")

    select()
    found["SELECT, released before"] = _microseconds(select)
    idle, acting = Client(port, user, password, folder), Client(port, user, password, folder)
    found["SELECT, open elsewhere"] = _microseconds(select)
    found["FETCH 1:* FLAGS, a message"] = _microseconds(lambda: acting.say(b"FETCH 1:* FLAGS"), 3) / size
    uids = iter(range(size // 2, size))

    def pushed(act: Callable[[], object], word: bytes) -> Callable[[], None]:
        """Until a session in IDLE has been told."""

        def work() -> None:
            act()
            idle.until(word)

        return work

    octets = _message(size)
    idle.send(b"i IDLE\r\n")
    idle.until(b"+ ")
    append = pushed(lambda: filler.say(b"APPEND %b (\\Seen) {%d+}\r\n%b" % (name, len(octets), octets)), b" EXISTS")
    found["APPEND, told in IDLE"] = _microseconds(append)

    def expunge() -> None:
        uid = next(uids)
        acting.say(b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % uid)
        acting.say(b"UID EXPUNGE %d" % uid)

    found["STORE \\Deleted, UID EXPUNGE, told in IDLE"] = _microseconds(pushed(expunge, b" EXPUNGE"))
    idle.send(b"DONE\r\n")
    idle.until(b"i ")
    away = Client(port, user, password)
    away.say(b"ENABLE QRESYNC")
    opened = away.say(b"SELECT " + name)
    validity, modseq = _UIDVALIDITY.search(opened), _HIGHESTMODSEQ.search(opened)
    if validity is None or modseq is None:
        raise SystemExit(f"bench: SELECT said {opened[-300:]!r}")
    acting.say(b"UID STORE %d +FLAGS.SILENT (\\Flagged)" % (size // 3))
    since = modseq[1]
    resync = b"SELECT %b (QRESYNC (%b %b 1:%d))" % (name, validity[1], since, size)
    found["SELECT QRESYNC, one change"] = _microseconds(lambda: away.say(resync))
    changed = b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %b)" % since
    found["UID FETCH CHANGEDSINCE, one change"] = _microseconds(lambda: away.say(changed))
    acting.say(b"UID STORE %d:%d -FLAGS.SILENT (\\Seen)" % (size - 5, size))
    found["SEARCH UNSEEN, a few at the end"] = _microseconds(lambda: acting.say(b"SEARCH UNSEEN"))
    for client in (filler, selecting, idle, acting, away):
        client.close()
    return found


def scale(port: int, user: str, password: str, run: int) -> Figures:
    """All of it at all sizes; `run` makes the folders' names new."""
    by_size = [measure(port, user, password, f"scale-{run}-{size}", size) for size in SIZES]
    figures: Figures = {}
    for what in by_size[0]:
        for size, found in zip(SIZES, by_size, strict=True):
            figures[f"{what}: {size:,}"] = (found[what], "µs")
        figures[f"{what}: 100,000 over 1,000"] = (by_size[-1][what] / by_size[0][what], "times")
    return figures
