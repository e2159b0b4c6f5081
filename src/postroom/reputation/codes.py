"""What the answers of a list in the DNS mean: a pattern for the four numbers of an answer (RFC 5782 §2.3).

Owns: the forms of a pattern. Never: asks. Raises: ValueError for what is none.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

_LISTED = ipaddress.ip_network("127.0.0.0/8")  # RFC 5782 §2.3: all other answers are no listing
_ERRORS = ipaddress.ip_network("127.255.255.0/24")  # what lists say to who may not ask them
_MASK = re.compile(r"&([0-9]{1,3})")
_NUMBER = re.compile(r"\*|([0-9]{1,3})(?:-([0-9]{1,3}))?")
_MAX_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Code:
    """Answers that mean one thing: by `ranges`, first and last of the four numbers, or by `mask`, bits of the last."""

    ranges: tuple[tuple[int, int], ...] = ()
    mask: int = 0

    def matches(self, answer: str) -> bool:
        """`answer`: an IPv4 address."""
        numbers = [int(number) for number in answer.split(".")]
        if self.mask:
            return bool(numbers[3] & self.mask)
        return all(first <= number <= last for number, (first, last) in zip(numbers, self.ranges, strict=True))


@lru_cache(_MAX_KEPT)
def read_code(text: str) -> Code:
    """ "127.0.0.4", "127.0.0.10-11", "127.0.*.3", or "&4": bits of the last number."""
    if masked := _MASK.fullmatch(text):
        mask = int(masked[1])
        if not 0 < mask < 256:
            raise ValueError(f"{text!r}: a mask is from &1 to &255")
        return Code(mask=mask)
    ranges = []
    for part in text.split("."):
        found = _NUMBER.fullmatch(part)
        if found is None:
            raise ValueError(f'{text!r} is no answer of a list: they are like "127.0.0.4", "127.0.*.2-3" or "&4"')
        first, last = (int(found[1]), int(found[2] or found[1])) if found[1] else (0, 255)
        if not 0 <= first <= last <= 255:
            raise ValueError(f"{text!r}: {part!r} is no number of an address")
        ranges.append((first, last))
    if len(ranges) != 4 or ranges[0] != (127, 127):
        raise ValueError(f"{text!r}: answers of lists have four numbers, of which the first is 127 (RFC 5782 §2.3)")
    return Code(tuple(ranges))


def is_listing(answer: str) -> bool:
    """It says that something is on the list."""
    address = ipaddress.IPv4Address(answer)
    return address in _LISTED and address not in _ERRORS


def is_refusal(answer: str) -> bool:
    """It says that the list does not answer whoever asks."""
    return ipaddress.IPv4Address(answer) in _ERRORS
