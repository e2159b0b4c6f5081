"""Rows about sessions that wait in IDLE: how soon they hear of new mail, and what each takes in memory.

Owns: these rows. Never: decides how often they run. Raises: BenchError.
"""

import resource
import select
import ssl
import time
from collections.abc import Sequence

from bench.arriving import send
from bench.bed import Bed
from bench.clients import Imap, anyone, append
from bench.errors import BenchError
from bench.figures import Figure, percentile
from bench.messages import message
from bench.side import Side

_PATIENCE = 60  # seconds
_DESCRIPTORS = 50_000  # a session each, and the files of the accounts that are open
_WARM_UP = 10  # sessions, for what is loaded or allocated once


def more_descriptors() -> None:
    """As many as we need, or as the system lets us have; what we start inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, _DESCRIPTORS), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except (OSError, ValueError):
            continue  # only root may have more than the hard limit
        return


def push(bed: Bed, sessions: int, part: float) -> Figure:
    """Milliseconds from APPEND's first octet to a session's EXISTS: of so large a part of all, at most."""
    times = bed.once(f"push {sessions}", lambda: _pushes(bed, sessions))
    return Figure(percentile(times, part) * 1e3)


def _pushes(bed: Bed, sessions: int) -> list[float]:
    user = bed.user("idle")
    waiting = idle_sessions(bed.side.imap, user, sessions)
    appender = Imap(bed.side.imap, user)
    times = list[float]()
    for number in range(bed.sizes.pushes):
        bed.side.settle()
        _read_all(waiting)
        start = time.perf_counter()
        tag = appender.send(append("INBOX", message(number)))
        times += hear(waiting, start)
        appender.finish(tag)
    for client in (*waiting, appender):
        client.close()
    bed.side.settle()
    return times


def idle_sessions(port: int, user: str, count: int, tls: ssl.SSLContext | None = None, source: str = "") -> list[Imap]:
    """Sessions of one account with INBOX selected, in IDLE."""
    sessions = [Imap(port, user, "INBOX", tls=tls, source=source) for _ in range(count)]
    for session in sessions:
        session.idle()
    return sessions


def hear(sessions: Sequence[Imap], start: float) -> list[float]:
    """Seconds from `start` until each has been told EXISTS."""
    left = {session.sock.fileno(): session for session in sessions}
    times = list[float]()
    with select.epoll() as poll:
        for number in left:
            poll.register(number, select.EPOLLIN)
        while left:
            ready = poll.poll(_PATIENCE)
            if not ready:
                raise BenchError(f"{len(left)} of {len(sessions)} sessions were not told of new mail")
            for number, _ in ready:
                said = left[number].sock.recv(4096)
                if b" EXISTS" in said:
                    times.append(time.perf_counter() - start)
                    poll.unregister(number)
                    del left[number]
                elif not said:
                    raise BenchError("a session in IDLE was closed")
    return times


def _read_all(sessions: Sequence[Imap]) -> None:
    """What is still there of what was told before (RECENT, "Still here")."""
    with select.epoll() as poll:
        by_number = {session.sock.fileno(): session for session in sessions}
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        while ready := poll.poll(0):
            for number, _ in ready:
                by_number[number].sock.recv(4096)


def memory_of_session(bed: Bed, tls: bool) -> Figure:
    """KiB that one more session in IDLE takes."""
    bed.restart()
    context = anyone() if tls else None
    port, user = (bed.side.imaps if tls else bed.side.imap), bed.user("idle")
    sessions = idle_sessions(port, user, _WARM_UP, context)
    bed.side.settle()
    before = bed.side.memory()
    sessions += idle_sessions(port, user, bed.sizes.many_sessions, context)
    bed.side.settle()
    after = bed.side.memory()
    for session in sessions:
        session.close()
    return Figure((after - before) / bed.sizes.many_sessions / 1024)


def memory_at_rest(bed: Bed) -> Figure:
    """MiB of a server that has just started and delivered and shown one message."""
    bed.restart()
    exercise(bed.side, bed.side.address("login"))
    bed.side.settle()
    return Figure(bed.side.memory() / (1 << 20))


def exercise(side: Side, user: str) -> None:
    """One message delivered, one session that has looked at it."""
    send(side, [user], 1, 1)
    client = Imap(side.imap, user, "INBOX")
    client.run(b"UID FETCH * (ENVELOPE BODYSTRUCTURE)")
    client.close()
