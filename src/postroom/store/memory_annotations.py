"""Annotations (RFC 5464) of the store in memory.

Owns: the values of one account. Never: outlives the process. Raises: TooManyAnnotations.
"""

from collections.abc import Mapping, Sequence

from .annotations import EVERYBODY, by_owner
from .api import AnnotationsChanged, TooManyAnnotations
from .settings import StoreSettings
from .views import Annotated


class MemoryAnnotations:
    """Of all mailboxes, and (None) of the account itself."""

    def __init__(self, settings: StoreSettings) -> None:
        self._limit = settings.max_annotations
        self._values: dict[tuple[int | None, int], dict[str, bytes]] = {}  # by mailbox and owner

    def read(self, mailbox_id: int | None, reader: int) -> dict[str, bytes]:
        """What is shared, and what is the reader's own, in order."""
        found = {**self._values.get((mailbox_id, reader), {}), **self._values.get((mailbox_id, EVERYBODY), {})}
        return dict(sorted(found.items()))

    def read_many(self, mailbox_ids: Sequence[int], reader: int, entries: Sequence[str]) -> dict[int, dict[str, bytes]]:
        """Some entries of many mailboxes; without those that have none."""
        found = {}
        for mailbox_id in mailbox_ids:
            values = self.read(mailbox_id, reader)
            if some := {entry: values[entry] for entry in entries if entry in values}:
                found[mailbox_id] = some
        return found

    def change(
        self,
        mailbox_id: int | None,
        owner: int,
        values: Mapping[str, bytes | None],
        modseq: int,
        origin: object,
    ) -> list[Annotated]:
        """All or none; the effects, none when nothing is different."""
        effects: list[Annotated] = []
        changed: dict[tuple[int | None, int], dict[str, bytes]] = {}
        for whose, entries in by_owner(owner, values).items():
            have = self._values.get((mailbox_id, whose), {})
            news = {entry: value for entry, value in entries.items() if have.get(entry) != value}
            after = {entry: value for entry, value in {**have, **news}.items() if value is not None}
            if len(after) > max(len(have), self._limit):
                raise TooManyAnnotations(f"{len(after)} annotations of mailbox {mailbox_id}, owner {whose}")
            changed[mailbox_id, whose] = after
            if news:
                change = AnnotationsChanged(mailbox_id, whose, tuple(sorted(news)), modseq, origin)
                effects.append(Annotated(change))
        self._values.update(changed)
        return effects

    def copy(self, source: int, target: int) -> None:
        """All owners' entries of one mailbox to another (RFC 5464 §4.1: a rename of INBOX)."""
        for (mailbox_id, owner), entries in list(self._values.items()):
            if mailbox_id == source:
                self._values[target, owner] = dict(entries)

    def forget(self, mailbox_id: int) -> None:
        """The mailbox was deleted."""
        self._values = {key: entries for key, entries in self._values.items() if key[0] != mailbox_id}

    def octets(self) -> int:
        """Of all values."""
        return sum(len(value) for entries in self._values.values() for value in entries.values())
