"""The other worker processes of this server, which have the same accounts.

Owns: how a worker says that it has changed an account, or the index of what is shared, and how it sees that others
have. Never: knows what was changed (the feed does), locks anything. Raises: nothing.

What is believed is the board: a worker adds to its cell of an account's row after each commit and before anybody is
told, so whoever compares the row with what it was sees every change that has been acknowledged. A poke says the same at
once to those who wait; one that is lost makes them late, and `look_seconds` says by how much.
"""

from collections.abc import Callable

from postroom.base import Board, Pokes, Rows, WorkerPlace

# Accounts whose numbers are alike modulo the rows share one: who has only the other looks once in vain
STORE_ROWS = {"accounts": Rows(65_536), "shares": Rows(1)}
_POKE = b"a"
_ALL = -1  # instead of an account's number


class Company:
    """`looks` is called with the number of an account that somebody says to have changed, or None for all."""

    def __init__(
        self, place: WorkerPlace, board: Board, pokes: Pokes | None, looks: Callable[[int | None], None]
    ) -> None:
        self.place = place
        self._accounts = board["accounts"]
        self._shares = board["shares"]
        self._pokes = pokes
        if pokes is not None:
            pokes.when(_POKE, lambda number: looks(None if number == _ALL else number))

    def arrive(self) -> None:
        """Have everybody look at everything: a predecessor may have died between a commit and saying so."""
        self._accounts.stir()
        self._shares.add(0)
        self.poke(_ALL)

    def state(self, account_id: int) -> bytes:
        """Another one when others have changed the account."""
        return self._accounts.others(account_id)

    def changed(self, account_id: int) -> None:
        """This worker has committed a change. To be called on the event loop, like all here."""
        self._accounts.add(account_id)

    def poke(self, account_id: int) -> None:
        """Wake who waits for it."""
        if self._pokes is not None:
            self._pokes.tell_others(_POKE, account_id)

    def shares_state(self) -> bytes:
        """Another one when others have changed the index."""
        return self._shares.others(0)

    def shares_changed(self) -> None:
        """This worker has."""
        self._shares.add(0)
