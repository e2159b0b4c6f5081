"""A DNS for checks: what is in a dict of names, without a resolver."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postroom.mailauth.questions import Inquiry, Question, Reply, T, conclude

Records = Sequence[tuple[str, str | bytes]]
TIMEOUT = ("TIMEOUT", "")


@dataclass
class Zone:
    """`records`: by name, pairs of a type and a value; the MX in their order. TIMEOUT: no answer for other types."""

    records: Mapping[str, Records]
    asked: list[Question] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = {name.lower().removesuffix("."): records for name, records in self.records.items()}

    def answer(self, question: Question) -> Reply:
        self.asked.append(question)
        kind, name = question
        if kind == "PTR":
            name = ipaddress.ip_address(name).reverse_pointer
        for _ in range(10):
            records = self._names.get(name.lower())
            if records is None:
                return Reply(exists=False)
            if found := [value for one, value in records if one == kind]:
                texts = tuple(value for value in found if isinstance(value, bytes))
                return Reply(texts or tuple(str(value) for value in found))
            if TIMEOUT in records:
                return Reply(failed="timeout")
            if not (aliases := [str(value) for one, value in records if one == "CNAME"]):
                return Reply()
            name = aliases[0].removesuffix(".")
        return Reply(failed="too many aliases")

    def conclude(self, check: Inquiry[T]) -> T:
        return conclude(check, self.answer)
