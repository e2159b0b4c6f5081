"""How many connections a listener has, in all and from each address.

Owns: the counts. Never: closes a connection. Raises: nothing.
"""

from collections import Counter
from typing import Protocol

from postroom.base import Board, Rows

TALLY_ROWS = {"listeners": Rows(64, held=True), "addresses": Rows(8192, held=True)}


class Tally(Protocol):
    def admit(self, address: str, most: int, most_per_address: int) -> bool:
        """Count one more; False, and nothing is counted, when that were more than either limit."""

    def release(self, address: str) -> None:
        """One less."""

    @property
    def ahead(self) -> bool:
        """This process has more connections than its share of all."""


class OwnTally:
    """Of this process."""

    def __init__(self) -> None:
        self._open = 0
        self._per_address: Counter[str] = Counter()

    def admit(self, address: str, most: int, most_per_address: int) -> bool:
        if self._open >= most or self._per_address[address] >= most_per_address:
            return False
        self._open += 1
        self._per_address[address] += 1
        return True

    def release(self, address: str) -> None:
        self._open -= 1
        self._per_address[address] -= 1
        if self._per_address[address] <= 0:
            del self._per_address[address]

    @property
    def ahead(self) -> bool:
        return False


class BoardTally:
    """Of all workers, on their board.

    There are never more than the limits allow. Two workers that are asked for the last free place in the same moment
    may both say no. Addresses are spread over 8192 rows: the few that share one are counted together.
    """

    def __init__(self, board: Board, number: int, name: str, workers: int) -> None:
        """`number`: of the listener, the same in all workers and no other listener's; `workers`: how many there are."""
        self._board = board
        self._workers = workers
        self._listeners, self._addresses = board["listeners"], board["addresses"]
        self._number = number
        self._name = name

    def admit(self, address: str, most: int, most_per_address: int) -> bool:
        key = self._key(address)
        self._listeners.add(self._number)  # first counted, then looked at: else two could both take the last place
        self._addresses.add(key)
        if self._listeners.total(self._number) <= most and self._addresses.total(key) <= most_per_address:
            return True
        self._subtract(key)
        return False

    def release(self, address: str) -> None:
        self._subtract(self._key(address))

    @property
    def ahead(self) -> bool:
        return self._listeners.own(self._number) * self._workers > self._listeners.total(self._number)

    def _key(self, address: str) -> int:
        return self._board.key(f"{self._name} {address}")

    def _subtract(self, key: int) -> None:
        self._listeners.add(self._number, -1)
        self._addresses.add(key, -1)
