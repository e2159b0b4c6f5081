"""One listening socket, several processes: who takes the next connection.

Owns: waiting for a connection, and leaving it to a process that has fewer. Never: counts connections (the tally does).
Raises: OSError when the system refuses.

Each process would else take whatever it sees first, and who sees it first is who happens to wake up first: of twenty
clients that stay, one process may get fifteen and the other five. Whoever has more than its share waits a moment for
the others; when none of them comes, because it is busy or dead, the connection is taken all the same.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

_PAUSE_SECONDS = 0.002
_PAUSES = 3


class Turns:
    """`accept` in place of loop.sock_accept, for a socket that other processes accept from too."""

    def __init__(self, ahead: Callable[[], bool]) -> None:
        """`ahead`: has this process more connections than its share?"""
        self._ahead = ahead

    async def accept(self, listening: socket.socket) -> tuple[socket.socket, Any]:
        """The next connection that is for this process, and the name of its peer."""
        pauses = 0
        while True:
            await _readable(listening)
            if pauses < _PAUSES and self._ahead():
                pauses += 1
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                sock, name = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):  # another process was faster, or the peer has left
                pauses = 0
                continue
            sock.setblocking(False)
            return sock, name


async def _readable(listening: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    seen = loop.create_future()

    def see() -> None:
        if not seen.done():
            seen.set_result(None)

    loop.add_reader(listening.fileno(), see)
    try:
        await seen
    finally:
        loop.remove_reader(listening.fileno())
