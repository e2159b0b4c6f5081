"""The base subject: what SORT and THREAD compare (RFC 5256 §2.1).

Owns: taking "Re:", "Fwd:", "[list]" and their like off a decoded subject. Never: decodes, folds case. Raises: nothing.

Everything is done by moving two marks over one text, and no character is looked at a second time beyond the few that
follow a mark: linear in whatever a sender makes up.
"""

import re

_SPACES = re.compile(r"[ \t\r\n]+")
# RFC 5256 §5; WSP is the space alone, because step 1 has left no other.
_BLOB = re.compile(r"\[[^\[\]]*+\] *+")
_REFWD = re.compile(r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?:", re.IGNORECASE | re.ASCII)
_TRAILER, _HEADER, _END = "(fwd)", "[fwd:", "]"


def base_subject(subject: str) -> tuple[str, bool]:
    """The base subject, and whether the message is a reply or forward by its subject (RFC 5256 §3 REFERENCES)."""
    text = _SPACES.sub(" ", subject)  # (1)
    start, end, is_reply = 0, len(text), False
    while True:
        end, trailed = _before_trailers(text, start, end)  # (2)
        start, led = _after_leaders(text, start, end)  # (3) to (5)
        is_reply = is_reply or trailed or led
        if not (end - start > len(_HEADER) and _is_at(text, _HEADER, start) and text.startswith(_END, end - 1)):
            return text[start:end], is_reply
        start, end, is_reply = start + len(_HEADER), end - len(_END), True  # (6)


def _is_at(text: str, word: str, at: int) -> bool:
    return text[at : at + len(word)].lower() == word


def _before_trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where the subj-trailers begin, and whether one of them is a "(fwd)"."""
    forwarded = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif end - start >= len(_TRAILER) and _is_at(text, _TRAILER, end - len(_TRAILER)):
            end -= len(_TRAILER)
            forwarded = True
        else:
            break
    return end, forwarded


def _after_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Where the subj-leaders and subj-blobs end, and whether one was a subj-refwd."""
    replied = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = [start]  # where each of a run of blobs begins, and what follows the last
        while found := _BLOB.match(text, blobs[-1], end):
            blobs.append(found.end())
        if found := _REFWD.match(text, blobs[-1], end):  # (3)
            start, replied = found.end(), True
            continue
        # (4): all of them go, unless that would leave nothing; then the last one is the base. No leader can follow:
        # it would have been found behind the run.
        if blobs[-1] == end and len(blobs) > 1:
            blobs.pop()
        return blobs[-1], replied
