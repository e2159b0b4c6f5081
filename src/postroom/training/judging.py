"""What an account's own training says of a message that arrives for it.

Owns: the verdict, its words, which accounts have taught enough. Never: learns, delivers, refuses. Raises: nothing;
where the training can't be read the message has no verdict, and that is logged.

An account that has taught nothing costs a look into a table in memory, and a `stat` now and then. The words of a
message are found and looked up in a thread.
"""

import asyncio
import logging
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from postroom.base import Clock, MailError
from postroom.junk import MAX_OCTETS, ScorePart, Verdict, judge, read_letter, words_of
from postroom.message import PartMap
from postroom.message.encoded_words import encode_text
from postroom.store import Draft

from .books import Books
from .settings import TrainingSettings

_log = logging.getLogger("postroom.training")
FIELD = b"Postroom-Training"
_NAME = "training"
_REMEMBERED_SECONDS = 60.0  # for which an account is taken to have taught too little
_MOST_REMEMBERED = 100_000
_PATIENCE_SECONDS = 5.0  # then the message is delivered without
_TOLD_CHARACTERS = 40  # of one word


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a message, for one account."""

    part: ScorePart
    probability: float
    junk: bool
    told: tuple[tuple[str, str], ...]  # "for" and "against" junk, with the words that weighed most

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return "junk" if self.junk else "ham" if self.part.points < 0 else "unsure"

    @property
    def field(self) -> bytes:
        """For the message's header, with its line end; the words of people in ASCII (RFC 2047)."""
        lines = [f"{self.verdict}; probability={self.probability:.4f}"]
        lines += [f"{kind} junk: {encode_text(words)}".replace("?= =?", "?=\r\n\t=?") for kind, words in self.told]
        return b"%b: %b\r\n" % (FIELD, "\r\n\t".join(lines).encode("ascii", "replace"))


class Judging:
    """For all accounts, in one process."""

    def __init__(self, folder: Path, clock: Clock, settings: TrainingSettings, new_key: Callable[[], bytes]) -> None:
        self.settings = settings
        self._clock = clock
        self._books = Books(folder, new_key)
        self._too_little: dict[int, float] = {}  # accounts that have taught too little, and until when that is believed
        self._last: tuple[Callable[[], Draft | None], list[str]] = (lambda: None), []  # whose words were last found
        self._thread = ThreadPoolExecutor(1, "postroom-judging")

    async def classify(self, account_id: int, draft: Draft, prefix: bytes) -> Judged | None:
        """The verdict on a finished draft with these fields before it; None where too little was learnt."""
        settings, now = self.settings, self._clock.monotonic()
        if not settings.enabled or now < self._too_little.get(account_id, 0.0):
            return None
        if not self._books.exists(account_id):
            self._remember(account_id, now)
            return None
        try:
            content = draft.spool.read(0, MAX_OCTETS)
            loop = asyncio.get_running_loop()
            work = loop.run_in_executor(self._thread, self._work, account_id, draft, content, prefix)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                verdict = await asyncio.shield(work)
        except (MailError, OSError, TimeoutError) as error:
            _log.warning("account %d: no verdict by its training: %r", account_id, error)
            return None
        if verdict is None:
            self._remember(account_id, now)
            return None
        return _judged(verdict, settings)

    def _remember(self, account_id: int, now: float) -> None:
        if len(self._too_little) >= _MOST_REMEMBERED:
            self._too_little.clear()
        self._too_little[account_id] = now + _REMEMBERED_SECONDS

    def changed(self, account_id: int) -> None:
        """It has taught more."""
        self._too_little.pop(account_id, None)

    def _work(self, account_id: int, draft: Draft, content: bytes, prefix: bytes) -> Verdict | None:
        book = self._books.book(account_id)
        learnt = book.learnt
        if learnt.spam < self.settings.min_junk or learnt.ham < self.settings.min_ham:
            return None
        last, words = self._last
        if last() is not draft:  # a message for many people has the same words for each
            words = words_of(read_letter(content, PartMap.unpack(draft.facts.parts), prefix))
            self._last = weakref.ref(draft), words
        return judge(book.look_up(words), learnt)

    async def close(self) -> None:
        """After what is under way."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._books.close)
        self._thread.shutdown()


def _judged(verdict: Verdict, settings: TrainingSettings) -> Judged:
    probability = verdict.probability
    junk = probability >= settings.junk_probability
    ham = probability <= 1.0 - settings.junk_probability
    points = settings.points if junk else -settings.points if ham else 0.0
    told = tuple(
        [(kind, _told(words)) for kind, words in (("for", verdict.against), ("against", verdict.favour)) if words]
    )
    words = "; ".join([f"junk with probability {probability:.4f} by {verdict.heard} words", *map(": ".join, told)])
    return Judged(ScorePart(_NAME, points, words), probability, junk, told)


def _told(words: tuple[str, ...]) -> str:
    """Words for people: no separators of ours, nothing that can't be printed."""
    tame = [
        "".join([c if c.isprintable() and c not in ';,"' else "?" for c in word[:_TOLD_CHARACTERS]]) for word in words
    ]
    return ", ".join([f'"{word}"' for word in tame])
