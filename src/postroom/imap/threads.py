"""Which message is an answer to which: the two algorithms of THREAD (RFC 5256 §3).

Owns: ORDEREDSUBJECT and REFERENCES, and how threads are written. Never: reads messages; subjects come folded, message
ids in their normal form. Raises: nothing.

Messages are numbered from 0 in the order of the mailbox. Nothing here calls itself: a thread may be as deep as a
mailbox is long. Work for many messages is cut into pieces: the generators yield between them, so that others can have
their turn.
"""

from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from .ancestry import Forest

_PIECE = 10_000  # messages gone through, or written, at a time
_NODE = 190  # octets that a message id takes, its own not counted: the string's head, its place in all tables
_MESSAGE = 100  # the same for a message
_LONG_ID = 100  # characters; of a longer message id its hash is remembered, which no other's form is like


@dataclass(slots=True)
class Threads:
    """Trees of messages. Nodes from `count` on are dummies, which stand among the roots only, above two or more."""

    count: int
    roots: list[int]
    children: dict[int, list[int]]


def ordered_subject(subjects: Sequence[str], sent: Sequence[int]) -> Generator[None, None, Threads]:
    """Messages of one base subject are children of the first of them: "poor man's threading"."""
    roots: dict[str, int] = {}  # by subject; in the order of their sent dates, as are the children
    children: dict[int, list[int]] = {}
    order = sorted(range(len(sent)), key=sent.__getitem__)
    for start in range(0, len(order), _PIECE):
        yield
        for at in order[start : start + _PIECE]:
            if (root := roots.setdefault(subjects[at], at)) != at:
                children.setdefault(root, []).append(at)
    return Threads(len(sent), list(roots.values()), children)


class ReferenceThreads:
    """THREAD=REFERENCES: `add` the messages in order, then go through `finish`, which ends with the threads. After that
    further messages may be added, and so on.

    `max_ids` bounds how many message ids are remembered; with more than that, an id which no message up to then has had
    or named joins nothing.
    """

    def __init__(self, max_ids: int) -> None:
        self._max_ids = max_ids
        self._forest = Forest()
        self._count = 0  # of nodes
        self._nodes: dict[str, int] = {}  # by message id
        self._message_of = array("q")  # by node; -1: no message with that id is known, so it is a dummy
        self._sent: list[int] = []
        self._subjects: list[str] = []
        self._is_reply: list[int] = []

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self._sent)

    @property
    def octets(self) -> int:
        """About what all this takes in memory."""
        texts = sum(map(len, self._nodes)) + sum(map(len, self._subjects))
        return texts + _NODE * self._count + _MESSAGE * len(self._sent)

    # ---- (1)

    def add(
        self,
        message_ids: Sequence[str],
        references: Sequence[str],
        subjects: Sequence[str],
        are_replies: Sequence[int],
        sent: Sequence[int],
    ) -> None:
        """The next messages. The id of one that has none is ""; references are message ids joined by spaces."""
        find, new = self._nodes.get, self._new_node
        named: list[tuple[Sequence[int], int]] = []  # the nodes of a message's references, and its own
        for ids, own in zip(references, message_ids, strict=True):
            above: Sequence[int] = ()
            if ids:
                above = [new(one) if (node := find(one)) is None else node for one in ids.split(" ")]
            named.append((above, (new(own) if (node := find(own)) is None else node) if own else -1))
        self._make_room()
        parents, message_of, link = self._forest.parents, self._message_of, self._forest.link
        for at, (above, node) in enumerate(named, start=len(self._sent)):
            parent = -1
            for one in above:  # (1.A)
                if one < 0:
                    continue
                if parent >= 0 and parents[one] < 0:
                    link(parent, one)
                parent = one
            if node < 0 or message_of[node] >= 0:  # no id, or another message has it: one that nobody names
                node = self._count
                self._count += 1
                self._make_room()
            message_of[node] = at
            if parents[node] != parent:  # (1.B); what it says of itself counts more than what others said of it
                if parents[node] >= 0:
                    self._forest.cut(node)
                if parent >= 0:
                    link(parent, node)
        self._sent += sent
        self._subjects += subjects
        self._is_reply += are_replies

    def _new_node(self, message_id: str) -> int:
        """The node of an id that is not known as it stands, -1 when there may be no more."""
        if len(message_id) > _LONG_ID:
            message_id = blake2b(message_id.encode("utf-8", "replace"), digest_size=16).hexdigest()
            if (node := self._nodes.get(message_id, -1)) >= 0:
                return node
        if len(self._nodes) >= self._max_ids:
            return -1
        node = self._nodes[message_id] = self._count
        self._count += 1
        return node

    def _make_room(self) -> None:
        self._forest.grow(self._count)
        self._message_of.extend(array("q", (-1,)) * (self._count - len(self._message_of)))

    # ---- (2) to (6)

    def finish(self) -> Generator[None, None, Threads]:
        """All that can be done only when every message is known."""
        count = len(self._sent)
        children: dict[int, list[int]] = {}  # by message, or count + node for dummies
        tops: list[int] = []
        yield from self._turn_round(children, tops)
        yield from _prune(count, children, tops)
        threads = Threads(count, tops, children)
        firsts = yield from self._sort_tops(threads)  # (4)
        yield from self._gather(threads, firsts)
        sent = self._sent
        for at, siblings in enumerate(children.values()):  # (6)
            if len(siblings) > 1:
                siblings.sort()
                siblings.sort(key=sent.__getitem__)
            if at % _PIECE == _PIECE - 1:
                yield
        yield from self._sort_tops(threads)
        return threads

    def _turn_round(self, children: dict[int, list[int]], tops: list[int]) -> Iterator[None]:
        """(2): from parents to children."""
        count, message_of = len(self._sent), self._message_of
        for start in range(0, len(message_of), _PIECE):
            messages, parents = message_of[start : start + _PIECE], self._forest.parents[start : start + _PIECE]
            for name, (message, parent) in enumerate(zip(messages, parents, strict=True), start=count + start):
                if message >= 0:
                    name = message
                if parent < 0:
                    tops.append(name)
                    continue
                above = message_of[parent]
                if above < 0:
                    above = count + parent
                if (known := children.get(above)) is None:
                    children[above] = [name]
                else:
                    known.append(name)
            yield

    def _sort_tops(self, threads: Threads) -> Generator[None, None, list[int]]:
        """By the sent date of a root, or of a dummy's first child, and of two of one date the first in the mailbox
        first (RFC 5256 §2.2). The result: those messages, one a root."""
        sent, roots, count, children = self._sent, threads.roots, threads.count, threads.children
        node_of: dict[int, int] = {}
        for start in range(0, len(roots), _PIECE):
            for node in roots[start : start + _PIECE]:
                first = node
                if node >= count:
                    first = min(children[node], key=lambda child: (sent[child], child))
                node_of[first] = node
            yield
        firsts = sorted(node_of)
        firsts.sort(key=sent.__getitem__)
        yield
        roots[:] = map(node_of.__getitem__, firsts)
        yield
        return firsts

    def _gather(self, threads: Threads, firsts: Sequence[int]) -> Iterator[None]:
        """(5): threads with the same base subject become one."""
        count, is_reply, roots = threads.count, self._is_reply, threads.roots
        subjects = list(map(self._subjects.__getitem__, firsts))
        table: dict[str, int] = {}
        for at, (node, subject) in enumerate(zip(roots, subjects, strict=True)):  # (5.B)
            if at % _PIECE == 0:
                yield
            if not subject:
                continue
            known = table.setdefault(subject, node)
            if known != node and known < count and (node >= count or (is_reply[known] and not is_reply[node])):
                table[subject] = node
        dummies = count + self._count  # new ones are numbered from here
        moved: set[int] = set()
        for at, (node, subject) in enumerate(zip(roots, subjects, strict=True)):  # (5.C)
            if at % _PIECE == 0:
                yield
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
        yield
        roots[:] = [*(node for node in roots if node not in moved), *range(count + self._count, dummies)]
        yield


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
        below = children.get(node)
        if node >= count:
            out.append("(")
        elif below is None:
            out.append(f"({numbers[node]})")
            continue
        else:
            out.append(f"({numbers[node]}")
            while below is not None and len(below) == 1:
                node = below[0]
                out.append(f" {numbers[node]}")
                below = children.get(node)
            out.append(" " if below else ")")
        if below:
            waiting.append(-1)
            waiting += below[::-1]
        if len(out) > _PIECE:
            yield "".join(out).encode("ascii")
            out.clear()
    yield "".join(out).encode("ascii")
