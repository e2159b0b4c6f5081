"""The canonical forms of fields and bodies (RFC 6376 §3.4), and the hash of a body.

Owns: simple and relaxed, for both. Never: decides what is hashed. Raises: nothing, except ValueError for an l= that was
not announced.

Everything works on whole pieces of a message, so that a line or an octet costs no step of Python, and in slices of
_SLICE octets, so that the most hostile white space costs some passes over memory that is at hand.
"""

import enum
import hashlib
from collections.abc import Iterable

_SLICE = 65_536
_CRLF = b"\r\n"
_TAB_IS_SPACE = bytes.maketrans(b"\t", b" ")
_WSP = b" \t"


class Canonicalization(enum.Enum):
    """Values are the words of c= (RFC 6376 §3.5)."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


def canonical_field(field: bytes, canonicalization: Canonicalization) -> bytes:
    """RFC 6376 §3.4.1, §3.4.2. `field`: whole, without the line end after it; so is the result."""
    if canonicalization is Canonicalization.SIMPLE:
        return field
    name, colon, value = field.partition(b":")
    # Inside a field every line end folds, so it is followed by white space.
    value = _single_spaces(value.replace(_CRLF, b"").replace(b"\n", b""))
    return name.rstrip(_WSP).lower() + colon + value.strip(b" ")


def _single_spaces(text: bytes) -> bytes:
    """Each run of WSP as one SP."""
    text = text.translate(_TAB_IS_SPACE)
    while b"  " in text:
        text = text.replace(b"  ", b" ")  # halves the longest run
    return text


class BodyHasher:
    """SHA-256 over one canonical form of a body, whole and up to the lengths that l= names (RFC 6376 §3.7).

    `update` takes pieces of any size, `digest` ends it.
    """

    def __init__(self, canonicalization: Canonicalization, lengths: Iterable[int | None] = (None,)) -> None:
        """`lengths`: the l= of those who will ask; None: the whole body."""
        wanted = set(lengths)
        self._relaxed = canonicalization is Canonicalization.RELAXED
        self._whole = None in wanted
        self._stops = sorted((length for length in wanted if length is not None), reverse=True)  # nearest last
        self._digests: dict[int | None, bytes] = {}
        self._hash = hashlib.sha256()
        self._held = b""  # the end of what came: its form depends on what follows
        self._blank = 0  # CRLFs that count only when something follows
        self._length = 0
        self._ended = False

    @property
    def length(self) -> int:
        """Octets of the canonical body; right after `digest` or `end`."""
        return self._length

    def update(self, piece: bytes) -> None:
        if len(piece) <= _SLICE:
            self._add(self._held + piece)
        else:
            for start in range(0, len(piece), _SLICE):
                self._add(self._held + piece[start : start + _SLICE])

    def digest(self, length: int | None = None) -> bytes | None:
        """What bh= should be. None: the canonical body is shorter than `length`, which may not be (RFC 6376 §3.5).

        Raises ValueError for a length that was not announced.
        """
        self.end()
        if length in self._digests:
            return self._digests[length]
        if length in self._stops:
            return None
        raise ValueError(f"l={length} was not announced")

    def end(self) -> None:
        """The body is complete."""
        if self._ended:
            return
        self._ended = True
        self._emit_blank_before(self._held.rstrip(b" ") if self._relaxed else self._held)
        # RFC 6376 §3.4.3: a missing body is one CRLF; §3.4.4: to relaxed, it is nothing
        if self._length or not self._relaxed:
            self._emit(_CRLF)
        if self._whole:
            self._digests[None] = self._hash.digest()
        while self._stops and self._stops[-1] == self._length:
            self._digests[self._stops.pop()] = self._hash.digest()

    def _add(self, text: bytes) -> None:
        if self._relaxed:
            text = _single_spaces(text).replace(b" \r\n", _CRLF)
            kept = text.removesuffix(b"\r").removesuffix(b" ")
        else:
            kept = text.removesuffix(b"\r")
        self._held = text[len(kept) :]
        end = _start_of_blank(kept)
        self._emit_blank_before(kept[:end])
        self._blank += (len(kept) - end) // 2

    def _emit_blank_before(self, text: bytes) -> None:
        if not text:
            return
        while self._blank:
            some = min(self._blank, _SLICE)
            self._emit(_CRLF * some)
            self._blank -= some
        self._emit(text)

    def _emit(self, text: bytes) -> None:
        end = self._length + len(text)
        done = self._length
        while self._stops and self._stops[-1] <= end:
            stop = self._stops.pop()
            self._hash.update(text[done - self._length : stop - self._length])
            self._digests[stop] = self._hash.digest()
            done = stop
        if self._whole or self._stops:
            self._hash.update(text[done - self._length :] if done > self._length else text)
        self._length = end


def _start_of_blank(text: bytes) -> int:
    """Where the CRLFs begin that `text` ends with."""
    if not text.endswith(_CRLF):
        return len(text)
    start = len(text.rstrip(_CRLF))  # only CR and LF from here on, but in which order?
    broken = max(text.rfind(b"\r\r", start), text.rfind(b"\n\n", start))
    if broken >= 0:
        start = broken + 1
    return start + (text[start : start + 1] == b"\n")
