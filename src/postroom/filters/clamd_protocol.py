"""clamd's protocol: INSTREAM within a session, and what its answer means.

Owns: both. Never: connects. Raises: FilterFailed for an answer that is none, TooLarge where clamd takes no more.
"""

import re

from .plain_words import plain, refusal
from .types import FilterFailed, TooLarge, Verdict

SESSION = b"zIDSESSION\0"
INSTREAM = b"zINSTREAM\0"
END_OF_STREAM = b"\0\0\0\0"
CHUNK_OCTETS = 65_536
MAX_ANSWER_OCTETS = 8_192
# Within a session each answer has the number of its command before it.
_ANSWER = re.compile(rb"(?:(\d{1,10}): )?stream: (.*)", re.DOTALL)
_FOUND = re.compile(rb"(.{1,500}) FOUND", re.DOTALL)


def chunk(octets: bytes) -> bytes:
    """Its length in front; nothing of nothing, which would end the stream."""
    return len(octets).to_bytes(4, "big") + octets if octets else b""


def read_verdict(answer: bytes) -> Verdict:
    """`answer` without the NUL behind it."""
    if b"size limit exceeded" in answer:
        raise TooLarge("it takes no message of that size (its StreamMaxLength)")
    found = _ANSWER.fullmatch(answer.strip())
    if found is None:
        raise FilterFailed(f"it says: {plain(answer, 100)}")
    if found[2] == b"OK":
        return Verdict(words="nothing found")
    virus = _FOUND.fullmatch(found[2])
    if virus is None:  # "… ERROR"
        raise FilterFailed(f"it says: {plain(found[2], 100)}")
    name = plain(virus[1], 100)
    error = refusal(f"The message contains {name}", detail=f"{name} found")
    return Verdict("reject", words=f"{name} found", error=error)
