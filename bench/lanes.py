"""Many connections at once from one thread: each lane sends a request when its last reply is complete.

Owns: the loop. Never: knows a protocol. Raises: BenchError when a connection closes or nothing comes for long.
"""

import select
import socket
from collections.abc import Callable, Generator, Sequence

from bench.errors import BenchError

Complete = Callable[[bytes], bool]
Lane = Generator[tuple[bytes, Complete], bytes, None]  # yields a request and when its reply is complete; gets the reply
_PATIENCE = 120  # seconds


def lines(count: int) -> Complete:
    """So many lines have come."""
    return lambda reply: reply.endswith(b"\n") and reply.count(b"\n") >= count


def last_line(reply: bytes) -> bytes:
    return reply[reply.rfind(b"\n", 0, -1) + 1 :]


def smtp_reply(reply: bytes) -> bool:
    """A reply of any number of lines has come whole."""
    return reply.endswith(b"\n") and last_line(reply)[3:4] == b" "


def tagged(tag: bytes) -> Complete:
    """The IMAP line with the tag has come."""
    return lambda reply: reply.endswith(b"\n") and last_line(reply).startswith(tag)


def must(reply: bytes, begin: bytes) -> None:
    """The last line of a reply begins like that."""
    if not last_line(reply).startswith(begin):
        raise BenchError(f"{begin!r} was expected, not {reply[-200:]!r}")


def drive(pairs: Sequence[tuple[socket.socket, Lane]]) -> None:
    """Run all lanes to their end. A request of b"" only waits."""
    poll = select.epoll()
    running = dict[int, tuple[socket.socket, Lane]]()
    waiting, said = dict[int, Complete](), dict[int, bytes]()
    for sock, lane in pairs:
        request, complete = next(lane)
        number = sock.fileno()
        running[number], waiting[number], said[number] = (sock, lane), complete, b""
        poll.register(number, select.EPOLLIN)
        if request:
            sock.sendall(request)
    while running:
        ready = poll.poll(_PATIENCE)
        if not ready:
            raise BenchError(f"{len(running)} connections hear nothing")
        for number, _ in ready:
            sock, lane = running[number]
            data = sock.recv(65536)
            if not data:
                raise BenchError("the server closed a connection")
            reply = said[number] + data
            if not waiting[number](reply):
                said[number] = reply
                continue
            try:
                request, waiting[number] = lane.send(reply)
            except StopIteration:
                poll.unregister(number)
                del running[number]
                continue
            said[number] = b""
            if request:
                sock.sendall(request)
    poll.close()
