"""Lists in the DNS of those whose mail is not wanted, or is (RFC 5782).

Owns: how each is asked, which of them work, what an answer is worth. Never: asks itself, refuses. Raises: nothing; a
list that does not answer, or not rightly, gives no points.

Whether a list works is found out when it has listed something: it is tested with the entries that every list has and
with those that none may have (§5), and then left alone for a while, or believed for a while.
"""

import ipaddress
import logging
from collections.abc import Iterator
from typing import Literal

from postroom.base import Clock
from postroom.dns.names import BadDomainName, block_list_name, to_question
from postroom.junk import ScorePart
from postroom.mailauth.questions import Inquiry, Question

from .codes import is_listing, is_refusal, read_code
from .settings import ListSettings, StrangersSettings

_log = logging.getLogger("postroom.reputation")
_Kind = Literal["IPv4", "IPv6", "domains"]
_WORDS = 150  # characters of what a list says of an entry
# RFC 5782 §5: what each list of the kind has, and what none has.
_ADDRESSES = {"IPv4": ("127.0.0.2", "127.0.0.1"), "IPv6": ("::ffff:7f00:2", "::ffff:7f00:1")}
_DOMAINS = ("test", "invalid")
Parts = tuple[ScorePart, ...]


class Lists:
    """All that are configured, and which of them work."""

    def __init__(self, settings: StrangersSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._tested: dict[tuple[str, _Kind], tuple[float, str]] = {}  # when, and why it does not work

    def of_address(self, address: str) -> Iterator[Inquiry[Parts]]:
        """A question to each list of addresses."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return
        kind: _Kind = "IPv4" if found.version == 4 else "IPv6"
        for name, one in self.settings.list.items():
            if one.has == "addresses":
                yield self._look(name, one, kind, block_list_name(str(found), one.zone), str(found))

    def of_domain(self, domain: str, said: str) -> Iterator[Inquiry[Parts]]:
        """A question to each list of domains; `said`: where the client named it. `domain` as `domain_name` has it."""
        for name, one in self.settings.list.items():
            if one.has == "domains":
                try:
                    asked = to_question(f"{domain}.{one.zone}")  # RFC 5782 §3
                except BadDomainName:  # together they are too long
                    continue
                yield self._look(name, one, "domains", asked, f"{domain} ({said})")

    def tests(self, address: str) -> Iterator[Inquiry[bool]]:
        """Whether each list works, for clients at such an address; for whoever wants to know before it matters."""
        try:
            version = ipaddress.ip_address(address.partition("%")[0]).version
        except ValueError:
            return
        of_addresses: _Kind = "IPv4" if version == 4 else "IPv6"
        for name, one in self.settings.list.items():
            if one.test:
                yield self._works(name, one, of_addresses if one.has == "addresses" else "domains")

    def standing(self) -> dict[str, str]:
        """Why lists do not work, by their names, as far as that is known."""
        return {
            name: why
            for name, one in self.settings.list.items()
            for (zone, _), (_, why) in self._tested.items()
            if zone == one.zone and why
        }

    def _look(self, name: str, one: ListSettings, kind: _Kind, asked: str, what: str) -> Inquiry[Parts]:
        if self._known(one, kind):
            return ()
        reply = yield Question("A", asked)
        if reply.failed or not reply.names:
            return ()
        answers = reply.names
        if refused := next(filter(is_refusal, answers), None):
            self._note(name, one, kind, f"it does not answer this server's resolver ({refused})")
            return ()
        # §2.3: what is not in 127.0.0.0/8 says nothing; it comes from a resolver that answers with its own pages
        answers = [answer for answer in answers if is_listing(answer)]
        points = worth(one, answers)
        if not points:
            return ()
        if one.test and not (yield from self._works(name, one, kind)):
            return ()
        told = yield Question("TXT", asked)
        why = f": {told.texts[0][:_WORDS].decode('utf-8', 'replace')}" if told.texts else ""
        return (ScorePart(f"list.{name}", points, f"{what} is on {one.zone} ({', '.join(answers)}){why}"),)

    def _known(self, one: ListSettings, kind: _Kind) -> bool:
        """It is known not to work, and not to be asked again yet."""
        found = self._tested.get((one.zone, kind))
        return found is not None and bool(found[1]) and self._fresh(found[0])

    def _fresh(self, at: float) -> bool:
        return self._clock.monotonic() - at < self.settings.list_test_seconds

    def _works(self, name: str, one: ListSettings, kind: _Kind) -> Inquiry[bool]:
        """RFC 5782 §5."""
        found = self._tested.get((one.zone, kind))
        if found is not None and self._fresh(found[0]):
            return not found[1]
        if kind == "domains":
            has, has_not = (f"{entry}.{one.zone}" for entry in _DOMAINS)
        else:
            has, has_not = (block_list_name(entry, one.zone) for entry in _ADDRESSES[kind])
        listed = yield Question("A", has)
        unlisted = yield Question("A", has_not)
        if listed.failed or unlisted.failed:
            return False  # for now
        why = ""
        if not any(map(is_listing, listed.names)):
            why = f"it does not have the entry that every list of {kind} has (RFC 5782 §5)"
        elif unlisted.names:
            why = f"it lists what no list of {kind} may have (RFC 5782 §5): everything, perhaps"
        self._note(name, one, kind, why)
        return not why

    def _note(self, name: str, one: ListSettings, kind: _Kind, why: str) -> None:
        """What is known of it now; said aloud where it does not work."""
        if why:
            _log.warning("the list %s (%s) is left alone for a while: %s", name, one.zone, why)
        self._tested[one.zone, kind] = (self._clock.monotonic(), why)


def worth(one: ListSettings, answers: list[str]) -> float:
    """The points of all codes that an answer matches, and once those for answers that none matches."""
    points, others = 0.0, list(answers)
    for text, of_code in one.codes.items():
        code = read_code(text)
        matched = [answer for answer in answers if code.matches(answer)]
        if matched:
            points += of_code
            others = [answer for answer in others if answer not in matched]
    return points + one.points if others else points
