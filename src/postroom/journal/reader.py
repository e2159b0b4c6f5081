"""The way of a message, put together from the journal.

Owns: finding the messages that are meant, and all steps of each. Never: writes. Raises: OSError.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_OPEN_ENDS = ("in doubt", "interrupted")
_IDENTIFYING = ("id", "message_id", "from", "to", "about")


@dataclass(frozen=True, slots=True)
class Step:
    at: float  # seconds since 1970
    name: str
    facts: dict[str, Any]


@dataclass(slots=True)
class Story:
    """All that is known of one message."""

    message_id: str  # ours: the queue id, or the id in the Received field
    steps: list[Step] = field(default_factory=list)


def stories(folder: Path, wanted: str, limit: int = 100) -> list[Story]:
    """The messages that `wanted` means, the oldest first: an id of ours, a Message-ID, or somebody's address.

    At most `limit`, the last ones. Reports on a message, and what a mailbox could not take at once, belong to it.
    """
    name = wanted.strip().removeprefix("<").removesuffix(">")
    found: dict[str, None] = {}
    for line in _lines(folder, (name,)):
        if _means(line, name):
            found[base_id(line["id"])] = None
    ids = list(found)[-limit:]
    told = {message_id: Story(message_id) for message_id in ids}
    for line in _lines(folder, ids):
        if (story := told.get(base_id(line["id"]))) is not None:
            facts = {key: fact for key, fact in line.items() if key not in ("at", "step")}
            story.steps.append(Step(line["at"], line["step"], facts))
    for story in told.values():
        story.steps.sort(key=lambda step: step.at)
    return [story for story in told.values() if story.steps]


def doubts(story: Story) -> Counter[str]:
    """How often it is open whether a recipient's host has taken the message (RFC 1047), by the recipient's address."""
    found: Counter[str] = Counter()
    for step in story.steps:
        if step.name in _OPEN_ENDS:
            to = step.facts.get("to", ())
            found.update([to] if isinstance(to, str) else to)
    return found


def base_id(message_id: str) -> str:
    """The message's own id, for one that was made from it ("-later", ".failed-1")."""
    return message_id.partition(".")[0].removesuffix("-later")


def _means(line: dict[str, Any], name: str) -> bool:
    for key in _IDENTIFYING:
        fact = line.get(key)
        values: Iterable[Any] = fact if isinstance(fact, list) else (fact,)
        for value in values:
            if isinstance(value, str) and value.strip("<>").lower() == name.lower():
                return True
    return bool(base_id(line["id"]) == name)


def _lines(folder: Path, words: Collection[str]) -> Iterator[dict[str, Any]]:
    """Lines with one of these words, of all days; what is not one (a crash cut it) is passed over."""
    if not any(words):
        return
    wanted = re.compile(b"|".join(re.escape(word.encode()) for word in words), re.IGNORECASE)
    for path in sorted(folder.glob("????-??-??.jsonl")):
        with path.open("rb") as file:
            for line in file:
                if wanted.search(line) is None:
                    continue
                try:
                    decoded = _decode(line)
                except msgspec.DecodeError:
                    continue
                if isinstance(decoded.get("id"), str) and isinstance(decoded.get("step"), str):
                    yield decoded
