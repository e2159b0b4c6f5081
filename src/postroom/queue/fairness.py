"""Whose turn it is among what is due for one destination.

Owns: the places in line of senders with many messages. Never: knows what is due. Raises: nothing.

A message's turn is the moment it arrived, or a step behind its sender's message before it, whichever is later. So a
thousand messages of one sender stand in a long line of their own, and somebody else's single message is served soon
after it came, though it came last. What is remembered is lost with the process; then it is first come, first served.
"""

from collections import OrderedDict


class Turns:
    """`take` one for each entry that is put in."""

    def __init__(self, step: float, limit: int) -> None:
        self._step = step  # seconds
        self._limit = limit
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def take(self, destination: str, sender: str, now: float) -> float:
        """The place in line, comparable with moments."""
        if not self._step:
            return now
        key = destination, sender
        last = self._last.pop(key, None)
        turn = now if last is None else max(now, last + self._step)
        self._last[key] = turn
        if len(self._last) > self._limit:
            self._last.popitem(last=False)
        return turn
