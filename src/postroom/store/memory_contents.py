"""A message's octets and facts, as the store in memory keeps them.

Owns: what of them is handed out. Never: knows mailboxes. Raises: nothing.
"""

from dataclasses import dataclass
from typing import Any

from postroom.message import Facts

from .api import SortFact, Stored, Want


@dataclass(slots=True)
class Content:
    """One content, never changed."""

    facts: Facts
    prefix: bytes
    octets: bytes
    thread_id: int

    @property
    def whole(self) -> bytes:
        return self.prefix + self.octets

    def stored(self, content_id: int, want: Want, inline_limit: int) -> Stored:
        """The facts that are wanted; the whole only up to so many octets."""
        facts, prefix = self.facts, self.prefix
        size = len(prefix) + facts.size
        return Stored(
            content_id,
            size,
            len(prefix) + facts.header_len,
            len(prefix),
            facts.envelope if Want.ENVELOPE in want else None,
            facts.body_structure if Want.BODY_STRUCTURE in want else None,
            facts.body if Want.BODY in want else None,
            prefix + facts.header if Want.HEADER in want else None,
            facts.parts if Want.PARTS in want else None,
            self.thread_id if Want.THREAD in want else None,
            facts.preview if Want.PREVIEW in want else None,
            self.whole if Want.WHOLE in want and size <= inline_limit else None,
        )

    def sort_facts(self) -> dict[SortFact, Any]:
        """What SORT and THREAD compare."""
        keys = self.facts.sort
        return {
            SortFact.SENT: keys.sent_at,
            SortFact.SUBJECT: keys.subject,
            SortFact.IS_REPLY: int(keys.is_reply),
            SortFact.FROM: keys.from_,
            SortFact.TO: keys.to,
            SortFact.CC: keys.cc,
            SortFact.DISPLAY_FROM: keys.display_from,
            SortFact.DISPLAY_TO: keys.display_to,
            SortFact.MESSAGE_ID: keys.message_id,
            SortFact.REFERENCES: " ".join(keys.references),
            SortFact.THREAD_ID: self.thread_id,
        }


def octets_of(stored: Stored) -> int:
    """How much was read."""
    fields = (stored.envelope, stored.body_structure, stored.body, stored.header, stored.parts, stored.whole)
    return sum(len(field) for field in fields if field is not None) + len(stored.preview or "")
