"""What one SMTP session may do, as the guard counts it.

Owns: which budget is spent at which command, by the person who has signed in or else by the client's address. Never:
decides how much is too much (guard). Raises: BudgetSpent, AccountStopped.
"""

from collections.abc import Iterable

from postroom.accounts import Person
from postroom.base import MailError
from postroom.guard import Guard, Unknown, Who
from postroom.intake import RelayDenied, Route, UnknownUser

_NOTHING = Unknown(0.0)


class SessionBudgets:
    """Of one client; without a guard (None) all is allowed."""

    def __init__(self, guard: Guard | None, address: str) -> None:
        self._guard = guard
        self._address = address

    def _payer(self, person: Person | None) -> tuple[Who, str]:
        return ("address", self._address) if person is None else ("account", str(person.account_id))

    def begin(self, person: Person | None) -> None:
        """MAIL: one message more, if there may be octets too."""
        if self._guard is None:
            return
        if person is not None and (stopped := self._guard.stopped(person.account_id)) is not None:
            raise stopped
        who, key = self._payer(person)
        if (error := self._guard.spent("octets", who, key)) is not None:
            raise error
        if (error := self._guard.spend("messages", who, key)) is not None:
            raise error

    def recipient(self, person: Person | None) -> None:
        """RCPT, before it is known who that is."""
        if self._guard is not None and (error := self._guard.spent("recipients", *self._payer(person), 1)) is not None:
            raise error

    def found(self, person: Person | None) -> None:
        """RCPT, of somebody."""
        if self._guard is None:
            return
        self._guard.charge("recipients", *self._payer(person), 1)
        if person is None:
            self._guard.known_recipient(self._address)

    def refused(self, person: Person | None, error: MailError) -> Unknown:
        """RCPT, of nobody: how the answer is given."""
        if self._guard is None or person is not None or not isinstance(error, UnknownUser | RelayDenied):
            return _NOTHING
        return self._guard.unknown_recipient(self._address)

    def sends(self, person: Person | None, routes: Iterable[Route]) -> None:
        """The end of a message, before it is accepted: whether that is still what this person does."""
        if self._guard is None or person is None:
            return
        error = self._guard.sends(person.account_id, sum(route.leaves for route in routes))
        if error is not None:
            raise error

    def came(self, person: Person | None, octets: int) -> None:
        """A message of that size, whatever becomes of it."""
        if self._guard is not None:
            self._guard.charge("octets", *self._payer(person), octets)
