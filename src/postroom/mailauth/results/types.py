"""What an Authentication-Results field says, as values (RFC 8601). Raises: nothing."""

from dataclasses import dataclass
from typing import NamedTuple

MAX_INSTANCE = 50  # RFC 8617 §4.2.1


class MethodResult(NamedTuple):
    """What one method found (RFC 8601 §2.2). All but the values and the reason are keywords, read in lower case."""

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str, str], ...] = ()  # ptype, property, value

    def value(self, ptype: str, name: str) -> str:
        """The first property of that name, "" when there is none."""
        return next((value for kind, key, value in self.properties if (kind, key) == (ptype, name)), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A field as it was read.

    `problem` says why something was left out: with a problem and no results, the field could not be read at all.
    Results of other versions of a method are left out (RFC 8601 §2.6). `instance` is that of ARC, or 0.
    """

    authserv_id: str
    results: tuple[MethodResult, ...] = ()
    version: int = 1
    instance: int = 0
    problem: str = ""

    def of(self, method: str) -> tuple[MethodResult, ...]:
        return tuple(result for result in self.results if result.method == method)

    def only(self, method: str) -> MethodResult | None:
        """That method's result when it has just one: of two that contradict each other neither is to be believed."""
        found = self.of(method)
        return found[0] if len(found) == 1 else None
