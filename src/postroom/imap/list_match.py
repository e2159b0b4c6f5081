"""Which mailbox names a LIST or LSUB pattern means (RFC 3501 §6.3.8, §6.3.9).

Owns: "*" and "%", INBOX's case, the levels of hierarchy that "%" makes visible. Never: knows which mailboxes exist.
Raises: nothing. A match takes time linear in the name, whatever the pattern.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

DELIMITER = "/"
CHARACTERS_A_TURN = 50_000  # of names that are looked at, for each pattern, before others get their turn


@dataclass(frozen=True, slots=True)
class Match:
    """A name to answer with; `listed` is False for a level of hierarchy that is itself no such name (\\Noselect)."""

    name: str
    listed: bool = True


def canonical(reference: str, pattern: str) -> str:
    """The interpreted pattern: we have no break-out characters, so the reference is simply put before."""
    return reference + pattern


class Pattern:
    """One canonical pattern, ready to be asked."""

    __slots__ = ("_accept", "_any", "_exact", "_head", "_moves", "_no_delimiter", "_start", "_wild", "shows_levels")

    def __init__(self, pattern: str) -> None:
        pattern = _fold_inbox(pattern)
        self.shows_levels = pattern.endswith("%")  # RFC 3501 §6.3.8: only as the last character
        tokens = _collapse(pattern)
        wilds = [k for k, token in enumerate(tokens) if token in "*%"]
        self._exact = "" if wilds else pattern
        # The two shapes that nearly every client sends: no wildcard, or one at the end
        self._head: str | None = "".join(tokens[:-1]) if wilds == [len(tokens) - 1] else None
        self._any = tokens[-1:] == ["*"]
        # The rest is an automaton that keeps its set of states as the bits of a number: bit k, that k tokens are done
        self._moves: dict[str, int] = {}
        self._wild = self._no_delimiter = 0
        for k, token in enumerate(tokens):
            if token == "*":
                self._no_delimiter |= 1 << k
                self._wild |= 1 << k
            elif token == "%":
                self._wild |= 1 << k
            else:
                self._moves[token] = self._moves.get(token, 0) | 1 << k
        self._accept = 1 << len(tokens)
        self._start = self._skip(1)

    def _skip(self, states: int) -> int:
        """A wildcard may stand for nothing; two never stand side by side."""
        return states | (states & self._wild) << 1

    def matches(self, name: str) -> bool:
        """Does the pattern mean this very name?"""
        if self._head is not None:
            head = self._head
            return (name.startswith(head) and (self._any or DELIMITER not in name[len(head) :])) or (
                name == "INBOX" and "INBOX".startswith(head.upper())
            )
        if not self._wild:
            return name == self._exact
        return self._run(name) or (name == "INBOX" and self._run_folded())

    def _run(self, name: str) -> bool:
        states = self._start
        moves = self._moves
        for char in name:
            stay = self._no_delimiter if char == DELIMITER else self._wild
            states = self._skip((states & moves.get(char, 0)) << 1 | states & stay)
            if not states:
                return False
        return bool(states & self._accept)

    def _run_folded(self) -> bool:
        """INBOX is INBOX in any case, so "iN%" means it as well (RFC 3501 §5.1)."""
        states = self._start
        for char in "INBOX":
            move = self._moves.get(char, 0) | self._moves.get(char.lower(), 0)
            states = self._skip((states & move) << 1 | states & self._wild)
        return bool(states & self._accept)


def _fold_inbox(pattern: str) -> str:
    """ "inbox", and "inbox/…" with it, in the case that names have."""
    if pattern[:5].upper() == "INBOX" and (len(pattern) == 5 or pattern[5] in "/*%"):
        return "INBOX" + pattern[5:]
    return pattern


def _collapse(pattern: str) -> list[str]:
    """The pattern's characters, each run of wildcards as one: "%" only if it is all "%"."""
    tokens: list[str] = []
    for char in pattern:
        if char in "*%" and tokens and tokens[-1] in "*%":
            if char == "*":
                tokens[-1] = "*"
        else:
            tokens.append(char)
    return tokens


def match(names: Iterable[str], reference: str, patterns: Sequence[str]) -> list[Match]:
    """What `match_pieces` finds, in one."""
    return [found for piece in match_pieces(names, reference, patterns) for found in piece]


def match_pieces(names: Iterable[str], reference: str, patterns: Sequence[str]) -> Iterator[list[Match]]:
    """The names that any of the patterns means, in their order, each once; in pieces, so that others have their turn.

    For LIST `names` are the mailboxes, for LSUB the subscriptions. A pattern that ends with "%" also shows the levels
    of hierarchy above names, where these are no names themselves: before the first name below them.
    """
    compiled = [Pattern(canonical(reference, pattern)) for pattern in dict.fromkeys(patterns)]
    levels = [pattern for pattern in compiled if pattern.shows_levels]
    names = list(names)
    known = set(names)
    found: list[Match] = []
    looked_at = 0
    for name in names:
        if looked_at > CHARACTERS_A_TURN:
            yield found
            found, looked_at = [], 0
        looked_at += len(name) * (len(compiled) + len(levels))
        if levels and DELIMITER in name:
            at = name.find(DELIMITER)
            while at >= 0:
                level = name[:at]
                if level and level not in known:
                    known.add(level)
                    if any(pattern.matches(level) for pattern in levels):
                        found.append(Match(level, listed=False))
                at = name.find(DELIMITER, at + 1)
        if any(pattern.matches(name) for pattern in compiled):
            found.append(Match(name))
    yield found


def parents(names: Iterable[str]) -> set[str]:
    """Every level above any of the names: those have \\HasChildren (RFC 3348, RFC 5258 §4)."""
    found: set[str] = set()
    for name in names:
        at = name.rfind(DELIMITER)
        while at > 0 and name[:at] not in found:
            found.add(name[:at])
            at = name.rfind(DELIMITER, 0, at)
    return found
