"""A DNS of a few names for DMARC checks, and the verdicts of SPF and DKIM as far as they are looked at."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from postroom.mailauth.questions import Question, Reply


class Word(enum.Enum):
    PASS = "pass"
    FAIL = "fail"
    NONE = "none"
    TEMPERROR = "temperror"


@dataclass(frozen=True)
class Spf:
    domain: str
    result: Word = Word.PASS
    identity: str = "mailfrom"


@dataclass(frozen=True)
class Dkim:
    domain: str
    result: Word = Word.PASS
    selector: str = "s1"


@dataclass
class Zone:
    """Records by domain (at _dmarc). A name is there when something is at it or below it; `broken` ones time out."""

    records: Mapping[str, str | list[str]]
    names: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def answer(self, question: Question) -> Reply:
        self.asked.append(f"{question.kind} {question.name}")
        name = question.name
        if name.removeprefix("_dmarc.") in self.broken:
            return Reply(failed="timeout")
        texts = self.records.get(name.removeprefix("_dmarc."), []) if name.startswith("_dmarc.") else []
        listed = [texts] if isinstance(texts, str) else texts
        there = [f"_dmarc.{domain}" for domain in self.records] + list(self.names)
        exists = any(one == name or one.endswith("." + name) for one in there)
        return Reply(tuple(text.encode() for text in listed), exists=exists)
