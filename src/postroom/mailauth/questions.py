"""Questions to the DNS, as the checks ask them without a resolver.

Owns: what passes between a check and whoever drives it. Never: asks, waits, caches. Raises: nothing.

A check is a generator: it yields one Question, is sent the Reply, and returns its verdict at the end:

    def check(…) -> Inquiry[Verdict]:
        reply = yield Question("TXT", "example.org")

Trouble with the DNS is a Reply too, so that each check gives it the meaning that its RFC does (temperror).
"""

from collections.abc import Callable, Generator
from typing import Literal, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
Kind = Literal["TXT", "A", "AAAA", "MX", "PTR"]


class Question(NamedTuple):
    """`name` has no final dot; that of a PTR question is the IP address itself.

    It is text as RFC 1035 §5.1 has it: a backslash in a label is there twice.
    """

    kind: Kind
    name: str


class Reply(NamedTuple):
    """TXT: the strings of each record joined, as octets. A, AAAA: addresses. MX: hosts, best first. PTR: names.

    "" among hosts is a null MX (RFC 7505): an answer that names nobody, which is not no answer (RFC 7208 §4.6.4).
    """

    records: tuple[bytes, ...] | tuple[str, ...] = ()
    exists: bool = True  # False: NXDOMAIN
    failed: str = ""  # why there is no answer (timeout, SERVFAIL); then there are no records

    @property
    def texts(self) -> list[bytes]:
        return [record for record in self.records if isinstance(record, bytes)]

    @property
    def names(self) -> list[str]:
        return [record for record in self.records if isinstance(record, str)]


Inquiry: TypeAlias = Generator[Question, Reply, T]


def conclude(inquiry: Inquiry[T], answer: Callable[[Question], Reply]) -> T:
    """Drive a check to its end with answers that are at hand."""
    try:
        question = next(inquiry)
        while True:
            question = inquiry.send(answer(question))
    except StopIteration as end:
        result: T = end.value
        return result
