"""Certification Authority Authorization (RFC 8659): who may issue certificates for a name.

Owns: one record, what a set of them allows, where they are looked for. Never: asks the DNS. Raises: nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_CRITICAL = 0x80  # RFC 8659 §4.1: the issuer critical flag is bit 0, the highest
_KNOWN = frozenset({"issue", "issuewild", "iodef"})


@dataclass(frozen=True, slots=True)
class Caa:
    """One record (RFC 8659 §4.1)."""

    flags: int
    tag: str
    value: str

    @property
    def authority(self) -> str:
        """Of an "issue" property: the domain name of who may issue, in lower case; "": nobody (RFC 8659 §4.2)."""
        return self.value.partition(";")[0].strip(" \t").lower().removesuffix(".")


def may_issue(records: Iterable[Caa], authority: str) -> bool:
    """Whether a name with this set of records, which is not empty, lets that authority issue (RFC 8659 §4.2)."""
    found = list(records)
    if any(one.flags & _CRITICAL and one.tag.lower() not in _KNOWN for one in found):
        return False  # RFC 8659 §4.1: what has to be understood and is not
    issue = [one for one in found if one.tag.lower() == "issue"]
    return not issue or any(one.authority == authority.lower().removesuffix(".") for one in issue)


def places(name: str) -> Iterator[str]:
    """The names at which the records are looked for, in order; the first that has some decides (RFC 8659 §3)."""
    labels = name.removesuffix(".").split(".")
    for first in range(len(labels)):
        yield ".".join(labels[first:])
