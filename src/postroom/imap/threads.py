"""Which message is an answer to which: the two algorithms of THREAD (RFC 5256 §3).

Owns: ORDEREDSUBJECT and REFERENCES, and how threads are written. Never: reads messages; subjects come folded, message
ids in their normal form. Raises: nothing.

Messages are numbered from 0 in the order of the mailbox. Nothing here calls itself: a thread may be as deep as a
mailbox is long. Work for many messages is cut into pieces: the generators yield between them, so that others can have
their turn.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from .ancestry import Forest

_PIECE = 20_000  # messages gone through, or written, at a time
_LONG_ID = 100  # characters; of a longer message id its hash is remembered, which no other's form is like


@dataclass(slots=True)
class Threads:
    """Trees of messages. Nodes from `count` on are dummies, which stand among the roots only, above two or more."""

    count: int
    roots: list[int]
    children: dict[int, list[int]]


def ordered_subject(subjects: Sequence[str], sent: Sequence[int]) -> Threads:
    """Messages of one base subject are children of the first of them: "poor man's threading"."""
    roots: dict[str, int] = {}  # by subject; in the order of their sent dates, as are the children
    children: dict[int, list[int]] = {}
    for at in sorted(range(len(sent)), key=sent.__getitem__):
        if (root := roots.setdefault(subjects[at], at)) != at:
            children.setdefault(root, []).append(at)
    return Threads(len(sent), list(roots.values()), children)


class ReferenceThreads:
    """THREAD=REFERENCES: `add` the messages in order, go through `finish`, and `threads` are there.

    `max_ids` bounds how many message ids are remembered; with more than that, an id which no message up to then has had
    or named joins nothing.
    """

    def __init__(self, max_ids: int) -> None:
        self._max_ids = max_ids
        self._forest = Forest()
        self._nodes: dict[str, int] = {}  # by message id
        self._message_of = array("q")  # by node; -1: no message with that id is known, so it is a dummy
        self._sent: list[int] = []
        self._subjects: list[str] = []
        self._is_reply: list[bool] = []
        self.threads = Threads(0, [], {})

    # ---- (1)

    def add(self, message_id: str, references: Sequence[str], subject: str, is_reply: bool, sent: int) -> None:
        """The next message; without an id, `message_id` is ""."""
        forest = self._forest
        parents = forest.parents
        parent = -1
        for reference in references:  # (1.A)
            node = self._node(reference)
            if node < 0:
                continue
            if parent >= 0 and parents[node] < 0:
                forest.link(parent, node)
            parent = node
        node = self._node(message_id) if message_id else -1
        if node < 0 or self._message_of[node] >= 0:  # no id, or another message has it: one that nobody names
            node = self._new_node()
        self._message_of[node] = len(self._sent)
        if parents[node] != parent:  # (1.B); what the message says of itself counts more than what others said of it
            forest.cut(node)
            if parent >= 0:
                forest.link(parent, node)
        self._sent.append(sent)
        self._subjects.append(subject)
        self._is_reply.append(is_reply)

    def _node(self, message_id: str) -> int:
        if len(message_id) > _LONG_ID:
            message_id = blake2b(message_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
        node = self._nodes.get(message_id, -1)
        if node < 0 and len(self._nodes) < self._max_ids:
            node = self._nodes[message_id] = self._new_node()
        return node

    def _new_node(self) -> int:
        self._message_of.append(-1)
        return self._forest.add()

    # ---- (2) to (6)

    def finish(self) -> Iterator[None]:
        """All that can be done only when every message is known."""
        count = len(self._sent)
        children: dict[int, list[int]] = {}  # by message, or count + node for dummies
        tops: list[int] = []
        yield from self._turn_round(children, tops)
        yield from _prune(count, children, tops)
        self.threads = Threads(count, tops, children)
        self._sort_tops()  # (4)
        yield
        self._gather()
        yield
        sent = self._sent
        for at, siblings in enumerate(children.values()):  # (6)
            if len(siblings) > 1:
                siblings.sort()
                siblings.sort(key=sent.__getitem__)
            if at % _PIECE == _PIECE - 1:
                yield
        self._sort_tops()

    def _turn_round(self, children: dict[int, list[int]], tops: list[int]) -> Iterator[None]:
        """(2): from parents to children."""
        count, message_of = len(self._sent), self._message_of
        names = [count + node if message < 0 else message for node, message in enumerate(message_of)]
        for start in range(0, len(names), _PIECE):
            parents = self._forest.parents[start : start + _PIECE]
            for name, parent in zip(names[start : start + _PIECE], parents, strict=True):
                if parent < 0:
                    tops.append(name)
                else:
                    children.setdefault(names[parent], []).append(name)
            yield

    def _first(self, node: int) -> int:
        """The message that a root is sorted by: itself, or a dummy's first child."""
        if node < self.threads.count:
            return node
        sent = self._sent
        return min(self.threads.children[node], key=lambda child: (sent[child], child))

    def _sort_tops(self) -> None:
        """By sent date, and of two of one date the first in the mailbox first (RFC 5256 §2.2)."""
        sent = self._sent
        firsts = [(sent[first], first, node) for node in self.threads.roots for first in (self._first(node),)]
        self.threads.roots[:] = [node for _, _, node in sorted(firsts)]

    def _gather(self) -> None:
        """(5): threads with the same base subject become one."""
        threads, count, is_reply = self.threads, self.threads.count, self._is_reply
        subjects = [self._subjects[self._first(node)] for node in threads.roots]
        table: dict[str, int] = {}
        for node, subject in zip(threads.roots, subjects, strict=True):  # (5.B)
            if not subject:
                continue
            known = table.setdefault(subject, node)
            if known < count and (node >= count or (is_reply[known] and not is_reply[node])):
                table[subject] = node
        dummies = count + len(self._message_of)  # new ones are numbered from here
        moved: set[int] = set()
        for node, subject in zip(threads.roots, subjects, strict=True):  # (5.C)
            if not subject or (known := table[subject]) == node:
                continue
            if node >= count:  # then `known` is a dummy too: they come before messages in the table
                threads.children[known] += threads.children.pop(node)
            elif known >= count or (is_reply[node] and not is_reply[known]):
                threads.children.setdefault(known, []).append(node)
            else:
                table[subject] = dummies
                threads.children[dummies] = [known, node]
                moved.add(known)
                dummies += 1
            moved.add(node)
        new = range(count + len(self._message_of), dummies)
        threads.roots[:] = [*(node for node in threads.roots if node not in moved), *new]


def _prune(count: int, children: dict[int, list[int]], tops: list[int]) -> Iterator[None]:
    """(3): dummies go, their children move up; but one among the roots stays if it keeps two or more together.

    Bottom up, as the RFC has it, a child might move up once for each dummy above it. So each message, and each dummy
    among the roots, takes in whatever it finds below through any number of dummies.
    """
    kept: list[int] = []
    for at, node in enumerate(tops):
        if node >= count:
            found = _through_dummies(count, children, node)
            if len(found) == 1:
                node = found[0]
            elif found:
                children[node] = found
            else:
                continue
        kept.append(node)
        if at % _PIECE == _PIECE - 1:
            yield
    tops[:] = kept
    for start in range(0, count, _PIECE):
        for node in range(start, min(start + _PIECE, count)):
            if node in children and max(children[node]) >= count and (found := _through_dummies(count, children, node)):
                children[node] = found
        yield


def _through_dummies(count: int, children: dict[int, list[int]], node: int) -> list[int]:
    """The nearest messages below a node; the dummies on the way are gone."""
    found: list[int] = []
    waiting = children.pop(node, [])
    while waiting:
        below = waiting.pop()
        if below < count:
            found.append(below)
        else:
            waiting += children.pop(below, ())
    return found


# ---- writing


def write(threads: Threads, numbers: Sequence[int]) -> Iterator[bytes]:
    """The threads of one THREAD response (RFC 5256 §4), in pieces; `numbers` are what the messages are called."""
    out: list[str] = []
    children, count = threads.children, threads.count
    waiting: list[int] = threads.roots[::-1]  # -1: a parenthesis to close
    while waiting:
        node = waiting.pop()
        if node < 0:
            out.append(")")
            continue
        if node >= count:
            below = children[node]
            out.append("(")
        else:
            out.append(f"({numbers[node]}")
            below = children.get(node, [])
            while len(below) == 1:
                node = below[0]
                out.append(f" {numbers[node]}")
                below = children.get(node, [])
            out.append(" " if below else ")")
        if below:
            waiting.append(-1)
            waiting += below[::-1]
        if len(out) > _PIECE:
            yield "".join(out).encode("ascii")
            out.clear()
    yield "".join(out).encode("ascii")
