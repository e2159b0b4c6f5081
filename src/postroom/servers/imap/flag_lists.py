"""What the flags of messages are called on the wire, each combination made once.

Owns: FlagLists, the mark of \\Recent beside the store's flag bits. Never: knows messages. Raises: nothing.
"""

from collections.abc import Sequence

from postroom.store.api import View

from .rows import alike

RECENT = 1 << 63  # beside the store's flag bits: \\Recent in this session
_MAX_CACHED_OCTETS = 262_144  # of the flag lists that a session keeps ready
_COST = 64  # of a short one, in about so many octets of memory


class FlagLists:
    """The parenthesized flag lists of one open mailbox."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[int, bytes] = {}
        self._octets = 0

    def __len__(self) -> int:
        return len(self._known)

    def of(self, masks: Sequence[int]) -> list[bytes]:
        """The list of each mask."""
        known = self._known
        if len(masks) > 1 and alike(masks):
            return self.of(masks[:1]) * len(masks)
        try:
            return [known[mask] for mask in masks]
        except KeyError:
            if self._octets > _MAX_CACHED_OCTETS:  # 58 keywords of 255 octets each make 2**58 long lists
                known = self._known = {}
                self._octets = 0
            for mask in set(masks):
                if mask not in known:
                    made = known[mask] = self._made(mask)
                    self._octets += len(made) + _COST
            return [known[mask] for mask in masks]

    def _made(self, mask: int) -> bytes:
        names = list(self._view.flag_names(mask & (RECENT - 1)))
        if mask & RECENT:
            names.append("\\Recent")
        return b"(%b)" % " ".join(names).encode()
