"""Flag names and the bits that stand for them.

Owns: the translation between flag names and masks, keyword bits included. Never: stores anything.
Raises: TooManyKeywords.
"""

from collections.abc import Iterable

from .api import FIRST_KEYWORD_BIT, MAX_KEYWORD_BITS, SYSTEM_FLAGS, FlagAction, TooManyKeywords

_SYSTEM_BITS = {name.lower(): bit for name, bit in SYSTEM_FLAGS}
SYSTEM_MASK = (1 << FIRST_KEYWORD_BIT) - 1


def mask_of(flags: Iterable[str], keywords: tuple[str, ...], *, grow: bool = True) -> tuple[int, tuple[str, ...]]:
    """The mask of some flags and the mailbox's keywords, with those among `flags` that it lacked put behind.

    Flag names compare case-insensitively; the first spelling stays. \\Recent and unknown system flags have no bit: they
    can't be set (RFC 3501 §2.3.2). With `grow` false, keywords the mailbox lacks are left out.
    """
    mask = 0
    known: dict[str, int] | None = None
    for flag in flags:
        lower = flag.lower()
        if lower.startswith("\\"):
            mask |= _SYSTEM_BITS.get(lower, 0)
            continue
        if known is None:
            known = {word.lower(): at for at, word in enumerate(keywords)}
        at = known.get(lower)
        if at is None:
            if not grow:
                continue
            if len(keywords) >= MAX_KEYWORD_BITS:
                raise TooManyKeywords(f"{flag!r} would be keyword {len(keywords) + 1}")
            at = known[lower] = len(keywords)
            keywords = (*keywords, flag)
        mask |= 1 << (FIRST_KEYWORD_BIT + at)
    return mask, keywords


def changed_mask(old: int, action: FlagAction, mask: int) -> int:
    """What FLAGS, +FLAGS or -FLAGS makes of a mask (RFC 3501 §6.4.6)."""
    if action is FlagAction.ADD:
        return old | mask
    if action is FlagAction.REMOVE:
        return old & ~mask
    return mask


def translated(mask: int, source: tuple[str, ...], target: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """A mask of one mailbox in the bits of another, and that other's keywords (grown if need be)."""
    if mask <= SYSTEM_MASK or target[: len(source)] == source:
        return mask, target
    words = (word for at, word in enumerate(source) if mask >> (FIRST_KEYWORD_BIT + at) & 1)
    bits, target = mask_of(words, target)
    return mask & SYSTEM_MASK | bits, target
