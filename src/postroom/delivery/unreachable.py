"""Hosts that could not be connected to a moment ago, so that the next message does not wait for them again.

Owns: that memory (RFC 5321 §4.5.4.1: "a list of hosts it cannot reach"), bounded. Never: remembers what a host said
(5yz must not be cached). Raises: nothing.
"""

from collections import OrderedDict

from postroom.base import Clock


class UnreachableHosts:
    """`failed` after a connect failure, `recent` before the next connect."""

    def __init__(self, clock: Clock, seconds: float, limit: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._limit = limit
        self._hosts: OrderedDict[tuple[str, int, str], tuple[float, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def failed(self, address: str, port: int, source: str, reason: str) -> None:
        """`source`: own address from which it was called; from another it may be reached."""
        key = (address, port, source)
        self._hosts.pop(key, None)
        self._hosts[key] = self._clock.now(), reason
        if len(self._hosts) > self._limit:
            self._hosts.popitem(last=False)

    def reached(self, address: str, port: int, source: str) -> None:
        self._hosts.pop((address, port, source), None)

    def recent(self, address: str, port: int, source: str, due_since: float | None) -> str | None:
        """Why the host is not worth a call now; None: call it.

        `due_since`: when a repeated attempt became due. Natural waits are longer than this memory, so one that became
        due after the failure was asked for by an operator, who wants to see a call.
        """
        known = self._hosts.get((address, port, source))
        if known is None:
            return None
        since, reason = known
        if self._clock.now() >= since + self._seconds:
            del self._hosts[address, port, source]
            return None
        return None if due_since is not None and due_since > since else reason
