"""The messages of one session, fixed at sign-in, and which of them are marked as deleted (RFC 1939 §4, §5).

Owns: message-numbers, scan, drop and unique-id listings, the marks. Never: reads a message or removes one.
Raises: NoSuchMessage.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

_JSON = msgspec.json.Encoder()


class NoSuchMessage(Exception):
    """There is no message with that number, or it is marked as deleted; the text says which."""


class Maildrop:
    """`uids`, `sizes` and `content_ids` are parallel; the first `count` of each belong to this session.

    `octets` is what these sizes sum up to, if that is known. The sequences are not copied: what lies behind `count` may
    grow while the session lasts.
    """

    def __init__(
        self,
        mailbox_id: int,
        uid_validity: int,
        uids: Sequence[int],
        sizes: Sequence[int],
        content_ids: Sequence[int],
        count: int | None = None,
        octets: int | None = None,
    ) -> None:
        self.mailbox_id = mailbox_id
        self.count = len(uids) if count is None else count
        self._uids = uids
        self._sizes = sizes
        self._content_ids = content_ids
        self._validity = b"%x" % uid_validity
        self._octets = sum(islice(sizes, self.count)) if octets is None else octets
        self._deleted: set[int] = set()  # positions
        self._retrieved: set[int] = set()

    @property
    def messages(self) -> int:
        """How many are not marked."""
        return self.count - len(self._deleted)

    @property
    def octets(self) -> int:
        """Sizes of those not marked, summed."""
        return self._octets

    def position(self, number: int) -> int:
        """Where the message with that number is in the sequences."""
        if not 1 <= number <= self.count:
            raise NoSuchMessage(f"no such message, only {self.count} messages in maildrop")
        if number - 1 in self._deleted:
            raise NoSuchMessage(f"message {number} already deleted")
        return number - 1

    def delete(self, number: int) -> None:
        """Mark it."""
        at = self.position(number)
        self._deleted.add(at)
        self._octets -= self._sizes[at]

    def reset(self) -> None:
        """Take all marks away."""
        self._octets += sum(self._sizes[at] for at in self._deleted)
        self._deleted.clear()

    def note_retrieved(self, at: int) -> None:
        """The client has been sent the whole message at that position."""
        self._retrieved.add(at)

    def retrieved_uids(self) -> tuple[int, ...]:
        """The uids of those that are not marked, in order."""
        return tuple(self._uids[at] for at in sorted(self._retrieved - self._deleted))

    def marked_uids(self) -> tuple[int, ...]:
        """The uids to remove in the UPDATE state, in order."""
        return tuple(self._uids[at] for at in sorted(self._deleted))

    def size(self, number: int) -> int:
        return self._sizes[self.position(number)]

    def unique_id(self, number: int) -> bytes:
        """At most 33 characters, never used again for another message (RFC 1939 §7 UIDL)."""
        return b"%s-%x" % (self._validity, self._uids[self.position(number)])

    def following(self, at: int, limit: int) -> list[int]:
        """Content ids of up to `limit` messages from position `at` on, without marked ones."""
        deleted = self._deleted
        chosen = (k for k in range(at, self.count) if k not in deleted)
        return [self._content_ids[k] for k in islice(chosen, limit)]

    def content_id(self, at: int) -> int:
        return self._content_ids[at]

    def scan_listings(self, piece_lines: int) -> Iterator[bytes]:
        """LIST: "number size" lines, so many joined at a time."""
        if self._deleted:
            yield from self._listings(b"%d %d\r\n", self._sizes, piece_lines)
            return
        for start in range(0, self.count, piece_lines):
            end = min(start + piece_lines, self.count)
            # As JSON they are [[1,120],[2,200]], which is made in half the time of line after line.
            rows = _JSON.encode(list(zip(range(start + 1, end + 1), self._sizes[start:end], strict=True)))
            yield rows[2:-2].replace(b"],[", b"\r\n").replace(b",", b" ") + b"\r\n"

    def unique_id_listings(self, piece_lines: int) -> Iterator[bytes]:
        """UIDL: "number unique-id" lines, so many joined at a time."""
        return self._listings(b"%%d %s-%%x\r\n" % self._validity, self._uids, piece_lines)

    def _listings(self, line: bytes, values: Sequence[int], piece_lines: int) -> Iterator[bytes]:
        deleted = frozenset(self._deleted)
        for start in range(0, self.count, piece_lines):
            end = min(start + piece_lines, self.count)
            rows = enumerate(values[start:end], start + 1)
            if deleted:
                yield b"".join([line % row for row in rows if row[0] - 1 not in deleted])
            else:
                yield b"".join([line % row for row in rows])
