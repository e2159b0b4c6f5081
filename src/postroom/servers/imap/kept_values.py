"""What FETCH has sent of the messages of one mailbox before, kept with its view.

Owns: KeptValues, by content and ready to be sent, and how much of that is kept. Never: reads the store, formats.
Raises: nothing.

What is stored never changes, so a value once made is good for ever; it is kept by the number of its content, which no
other content of the account ever gets.
"""

from collections.abc import Hashable, Sequence

from postroom.store.api import View

_LARGEST = 4096  # octets of one value; a longer one is read each time
_USUAL = 500  # what an ENVELOPE, or the header fields that clients ask for, take with what follows
_ENTRY = 170  # octets that keeping one takes: the head of the value, its number, its place in the table


class KeptValues:
    """Of one FETCH item. Made by `of_item`."""

    def __init__(self, key: Hashable) -> None:
        self._key = key
        self._values: dict[int, bytes] = {}
        self._octets = 0

    @classmethod
    def of_item(cls, view: View, item: Hashable) -> "KeptValues | None":
        """Those of a view's messages; None when nothing may be kept."""
        if not view.cache.max_octets:
            return None
        key = ("FETCH", item)
        kept: KeptValues | None = view.cache.get(key)
        if kept is None:
            kept = cls(key)
            view.cache.put(key, kept, 0)
        return kept

    @staticmethod
    def can_be(view: View, messages: int) -> bool:
        """Whether there is room for the values of so many messages. Those of more would only drive out each other."""
        return messages * _USUAL <= view.cache.max_octets

    @staticmethod
    def at_once(octets: int, items: int) -> int:
        """Of how many messages the values of so many items surely take no more than so many octets."""
        return max(octets // (_LARGEST * items), 1)

    def get(self, content_ids: Sequence[int]) -> list[bytes] | None:
        """The value of each content; None when one is not known."""
        try:
            return list(map(self._values.__getitem__, content_ids))
        except KeyError:
            return None

    def add(self, view: View, content_ids: Sequence[int], values: Sequence[object]) -> None:
        """What has just been made."""
        known = self._values
        new = {
            content_id: value
            for content_id, value in zip(content_ids, values, strict=True)
            if content_id not in known and isinstance(value, bytes) and len(value) <= _LARGEST
        }
        octets = sum(map(len, new.values())) + _ENTRY * len(new)
        if self._octets + octets > view.cache.max_octets:  # what is still wanted will soon be there again
            known.clear()
            self._octets = 0
        if octets <= view.cache.max_octets:
            known.update(new)
            self._octets += octets
        view.cache.put(self._key, self, self._octets)
