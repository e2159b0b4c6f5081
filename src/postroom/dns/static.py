"""A resolver that knows its answers: for tests.

Owns: nothing but what it is given. Never: touches the network. Raises: DnsTemporary for the names told to fail.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .api import Answer, DnsTemporary, Mx
from .names import BadDomainName, exact_name, from_answer, reverse_name


@dataclass
class StaticResolver:
    """dns.Resolver over maps from names (as `exact_name` has them) to records. All may change while it is in use."""

    mx_records: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    a_records: dict[str, list[str]] = field(default_factory=dict)
    aaaa_records: dict[str, list[str]] = field(default_factory=dict)
    txt_records: dict[str, list[str]] = field(default_factory=dict)
    tlsa_records: dict[str, list[bytes]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # CNAMEs
    ptr_records: dict[str, list[str]] = field(default_factory=dict)  # by address
    failing: set[str] = field(default_factory=set)  # names (or addresses) whose every question fails; or "TLSA name"
    secure: set[str] = field(default_factory=set)  # names whose answers count as validated; "*": all
    asked: list[tuple[str, str]] = field(default_factory=list)  # ("MX", "bob.test"), in order

    async def mx(self, domain: str) -> Answer[Mx]:
        found = self._find("MX", domain, self.mx_records)
        records = sorted((Mx(preference, from_answer(host)) for preference, host in found.records), key=_preference)
        return Answer(tuple(records), found.exists, found.secure, found.canonical)

    async def a(self, host: str) -> Answer[str]:
        return self._find("A", host, self.a_records)

    async def aaaa(self, host: str) -> Answer[str]:
        return self._find("AAAA", host, self.aaaa_records)

    async def cname(self, name: str) -> Answer[str]:
        found = self._find("CNAME", name, {name: [to] for name, to in self.aliases.items()}, follow=False)
        return Answer(found.records, found.exists, found.secure)

    async def tlsa(self, name: str) -> Answer[bytes]:
        return self._find("TLSA", name, self.tlsa_records)

    async def txt(self, name: str) -> Answer[bytes]:
        found = self._find("TXT", name, self.txt_records)
        return Answer(tuple(text.encode() for text in found.records), found.exists, found.secure)

    async def ptr(self, address: str) -> Answer[str]:
        self.asked.append(("PTR", address))
        if address in self.failing:
            raise DnsTemporary(f"PTR {address}: told to fail")
        try:
            reverse_name(address)
        except BadDomainName:
            return Answer((), exists=False)
        names = self.ptr_records.get(address)
        return Answer(tuple(map(from_answer, names or ())), names is not None, address in self.secure)

    def remembered(self, kind: str, name: str) -> Answer[Any] | None:
        """Nothing: every question is asked, and seen in `asked`."""

    async def close(self) -> None: ...

    def _find(self, kind: str, name: str, records: dict[str, list[Any]], *, follow: bool = True) -> Answer[Any]:
        try:
            question = exact_name(name)
        except BadDomainName:
            return Answer((), exists=False)
        self.asked.append((kind, question))
        secure, canonical = True, ""
        while True:
            if question in self.failing or f"{kind} {question}" in self.failing:
                raise DnsTemporary(f"{kind} {question}: told to fail")
            secure = secure and not self.secure.isdisjoint((question, "*"))
            found = tuple(records.get(question, ()))
            if found or not follow or question not in self.aliases:
                break
            question = canonical = self.aliases[question]
        return Answer(found, bool(found) or self._exists(question), secure, canonical if found else "")

    def _exists(self, question: str) -> bool:
        below = "." + question
        maps: Iterable[dict[str, Any]] = (
            self.mx_records,
            self.a_records,
            self.aaaa_records,
            self.txt_records,
            self.tlsa_records,
            self.aliases,
        )
        return any(name == question or name.endswith(below) for records in maps for name in records)


def _preference(record: Mx) -> int:
    return record.preference
