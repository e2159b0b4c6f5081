"""What the rows see of a server: its ports, its people, what it costs.

Owns: the interface that Room (ours) and Peers (theirs) fill in. Never: measures. Raises: nothing by itself.
"""

from abc import ABC, abstractmethod

from bench import processes

DELIVERED_TO = [f"d{number}" for number in range(20)]
KINDS = ("append", "folder", "cold", "idle")  # accounts that each run has anew
ALWAYS = ("large", "pop", "login")


def account(kind: str, run: int) -> str:
    """The name of a run's account."""
    return f"{kind}{run}"


def all_accounts(runs: int) -> list[str]:
    """Everybody who has mail on either side."""
    return [*DELIVERED_TO, *ALWAYS, *(account(kind, run) for run in range(runs) for kind in KINDS)]


class Side(ABC):
    """A running server, or a pair of them that does the same work."""

    name: str
    domain: str
    smtp: int
    imap: int
    imaps: int
    pop3: int

    @abstractmethod
    def roots(self) -> list[int]:
        """Process ids of which all others descend."""

    @abstractmethod
    def memory(self) -> int:
        """Octets, counted as the page says."""

    @abstractmethod
    def restart(self) -> None:
        """Forget all that is only in memory; connections are lost."""

    @abstractmethod
    def stop(self) -> None: ...

    def address(self, user: str) -> str:
        return f"{user}@{self.domain}"

    def cpu(self) -> float:
        """Seconds so far."""
        return processes.cpu_seconds(self.roots())

    def settle(self) -> None:
        """Wait for what the last load has left to be done in the background."""
        processes.settle(self.cpu)

    def rest(self) -> None:
        """Wait for what is done only when nothing else is: a folder's search index."""
        processes.rest(self.cpu)
