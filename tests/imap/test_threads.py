"""Both algorithms of THREAD against a plain telling of the RFC's steps."""

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.imap.threads import ReferenceThreads, Threads, ordered_subject, write


class Mail(NamedTuple):
    message_id: str = ""
    references: tuple[str, ...] = ()
    subject: str = ""
    is_reply: bool = False
    sent: int = 0


def threads(mail: list[Mail], max_ids: int = 1000) -> str:
    linking = ReferenceThreads(max_ids)
    for start in range(0, len(mail), 3):
        ids, references, *others = zip(*mail[start : start + 3], strict=True)
        linking.add(ids, [" ".join(names) for names in references], *others)
        if len(mail) < 100:  # that there have been threads before makes no difference
            outcome(linking.finish())
    assert len(linking) == len(mail)
    return b"".join(write(outcome(linking.finish()), range(1, len(mail) + 1))).decode()


def outcome(steps: Generator[None, None, Threads]) -> Threads:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Threads = end.value
            return found


def by_subject(mail: list[Mail]) -> str:
    found = outcome(ordered_subject([one.subject for one in mail], [one.sent for one in mail]))
    return b"".join(write(found, range(1, len(mail) + 1))).decode()


# ---- RFC 5256 §3 word by word, as slowly as it likes


@dataclass(eq=False)
class Node:
    number: int = 0  # 0: a dummy
    mail: Mail = field(default_factory=Mail)
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)

    def descends_from(self, other: "Node") -> bool:
        return self is other or (self.parent is not None and self.parent.descends_from(other))

    def move(self, parent: "Node | None") -> None:
        if self.parent is not None:
            self.parent.children.remove(self)
        self.parent = parent
        if parent is not None:
            parent.children.append(self)

    def key(self) -> tuple[int, int]:
        if self.number:
            return (self.mail.sent, self.number)
        return min(child.key() for child in self.children)

    def first(self) -> "Node":
        return self if self.number else min(self.children, key=Node.key)

    def prune(self, top: bool) -> list["Node"]:
        self.children = [kept for child in self.children for kept in child.prune(False)]
        for child in self.children:
            child.parent = self
        if self.number or (top and len(self.children) > 1):
            return [self]
        return self.children

    def written(self) -> str:
        return f"({self.members()})"

    def members(self) -> str:
        inner = "".join(child.written() for child in self.children)
        if len(self.children) == 1:
            inner = self.children[0].members()
        return f"{self.number} {inner}".strip() if self.number else inner


def slowly(mail: list[Mail]) -> str:
    nodes: dict[str, Node] = {}
    everything: list[Node] = []

    def named(message_id: str) -> Node:
        if message_id not in nodes:
            nodes[message_id] = Node()
            everything.append(nodes[message_id])
        return nodes[message_id]

    for number, one in enumerate(mail, start=1):
        for parent, child in zip(one.references, one.references[1:], strict=False):  # (1.A)
            above, below = named(parent), named(child)
            if below.parent is None and not above.descends_from(below):
                below.move(above)
        last = named(one.references[-1]) if one.references else None
        node = named(one.message_id) if one.message_id else Node()
        if node.number or not one.message_id:
            node = Node()
            everything.append(node)
        node.number, node.mail = number, one
        node.move(None)  # (1.B)
        if last is not None and not last.descends_from(node):
            node.move(last)
    tops = [kept for node in everything if node.parent is None for kept in node.prune(True)]  # (2), (3)
    for node in tops:
        node.parent = None
    tops.sort(key=Node.key)  # (4)
    tops = merged(tops)  # (5)
    every = list(tops)
    while every:  # (6)
        node = every.pop()
        node.children.sort(key=Node.key)
        every += node.children
    return "".join(node.written() for node in sorted(tops, key=Node.key))


def merged(tops: list[Node]) -> list[Node]:
    table: dict[str, Node] = {}
    for node in tops:
        subject = node.first().mail.subject
        if not subject:
            continue
        if subject not in table:
            table[subject] = node
        else:
            known = table[subject]
            if known.number and (not node.number or (known.mail.is_reply and not node.mail.is_reply)):
                table[subject] = node
    result = list(tops)
    for node in tops:
        subject = node.first().mail.subject
        if not subject or table[subject] is node:
            continue
        known = table[subject]
        result.remove(node)
        if not known.number and not node.number:
            for child in list(node.children):
                child.move(known)
        elif not known.number or (node.mail.is_reply and not known.mail.is_reply):
            node.move(known)
        else:
            dummy = table[subject] = Node()
            result.remove(known)
            result.append(dummy)
            node.move(dummy)
            known.move(dummy)
    return result


IDS = [f"{letter}@x" for letter in "abcdefgh"]
MAIL = st.builds(
    Mail,
    st.sampled_from(["", *IDS]),
    st.lists(st.sampled_from(IDS), max_size=4).map(tuple),
    st.sampled_from(["", "", "one", "two", "three"]),
    st.booleans(),
    st.integers(0, 5),
)


@settings(max_examples=500)
@given(st.lists(MAIL, max_size=14))
def test_references_are_the_rfcs_steps(mail: list[Mail]) -> None:
    assert threads(mail) == slowly(mail)


@given(st.lists(MAIL, max_size=14))
def test_ordered_subject_is_the_rfcs_words(mail: list[Mail]) -> None:
    order = sorted(range(len(mail)), key=lambda at: (mail[at].subject, mail[at].sent, at))
    groups: list[list[int]] = []
    for at in order:
        if groups and mail[groups[-1][0]].subject == mail[at].subject:
            groups[-1].append(at)
        else:
            groups.append([at])
    groups.sort(key=lambda group: (mail[group[0]].sent, group[0]))
    expected = ""
    for first, *others in groups:
        inner = (
            "".join(f"({other + 1})" for other in others) if len(others) > 1 else "".join(str(o + 1) for o in others)
        )
        expected += f"({first + 1} {inner})" if others else f"({first + 1})"
    assert by_subject(mail) == expected


# ---- the RFC's trees


def test_a_thread_that_splits() -> None:
    """RFC 5256 §4: * THREAD (2)(3 6 (4 23)(44 7 96)), with the numbers that are there made 1 to 8."""
    # 2 3 4 6 7 23 44 96 are messages 1 to 8 here
    mail = [
        Mail("2@x", sent=1),
        Mail("3@x", sent=2),
        Mail("4@x", ("3@x", "6@x"), sent=4),
        Mail("6@x", ("3@x",), sent=3),
        Mail("7@x", ("3@x", "6@x", "44@x"), sent=7),
        Mail("23@x", ("4@x",), sent=5),
        Mail("44@x", ("6@x",), sent=6),
        Mail("96@x", ("7@x",), sent=8),
    ]
    assert threads(mail) == "(1)(2 4 (3 6)(7 5 8))"


def test_siblings_of_a_parent_that_is_not_there() -> None:
    """RFC 5256 §4: * THREAD ((3)(5))"""
    assert threads([Mail("3@x", ("1@x",)), Mail("5@x", ("1@x",))]) == "((1)(2))"


def test_an_only_child_of_a_parent_that_is_not_there_stands_alone() -> None:
    assert threads([Mail("3@x", ("1@x", "2@x"))]) == "(1)"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((False, 1), (True, 2), "(1 2)"),  # a reply by its subject, without references
        ((True, 1), (False, 2), "(2 1)"),
        ((False, 1), (False, 2), "((1)(2))"),
        ((True, 2), (True, 1), "((2)(1))"),
    ],
)
def test_threads_of_one_subject_are_gathered(first: tuple[bool, int], second: tuple[bool, int], expected: str) -> None:
    mail = [Mail("a@x", (), "lunch", *first), Mail("b@x", (), "lunch", *second)]
    assert threads(mail) == expected


def test_what_a_message_says_of_itself_counts_more_than_what_others_say() -> None:
    """RFC 5256 §3 REFERENCES, 1.B"""
    mail = [Mail("a@x"), Mail("c@x", ("a@x", "b@x")), Mail("b@x", ("z@x",)), Mail("z@x")]
    assert threads(mail) == "(1)(4 3 2)"


def test_two_that_name_each_other() -> None:
    assert threads([Mail("a@x", ("b@x",)), Mail("b@x", ("a@x",))]) == "(2 1)"


def test_no_messages_no_threads() -> None:
    assert threads([]) == by_subject([]) == ""


def test_ids_beyond_the_limit_join_nothing() -> None:
    mail = [Mail("a@x"), Mail("b@x", ("a@x",)), Mail("c@x", ("b@x",)), Mail("d@x", ("a@x", "c@x"))]
    assert threads(mail, 2) == "(1 (2 3)(4))"


def test_long_message_ids() -> None:
    long = "x" * 5000
    mail = [Mail(f"{long}1@x"), Mail(f"{long}2@x", (f"{long}1@x",)), Mail("", (f"{long}2@x",))]
    assert threads(mail) == "(1 2 3)"


# ---- the RFC's responses


def read(text: str) -> tuple[Threads, list[int]]:
    """A THREAD response as trees, and the numbers of their messages."""
    numbers = sorted(map(int, re.findall("[0-9]+", text)))
    index = {number: at for at, number in enumerate(numbers)}
    found = Threads(len(numbers), [], {})
    above: list[int | None] = [None]  # the node that what follows is a child of, by depth of parentheses
    for token in re.findall("[0-9]+|[()]", text):
        if token == ")":
            above.pop()
        elif token == "(":
            above.append(above[-1])
        else:
            node = index[int(token)]
            (found.roots if above[-1] is None else found.children.setdefault(above[-1], [])).append(node)
            above[-1] = node
    return found, numbers


SPLIT = "(2)(3 6 (4 23)(44 7 96))"
ORDERED = (
    "(166)(167)(168)(169)(172)(170)(171)(173)(174 (175)(176)(178)(181)(180))(179)(177 (183)(182)(188)(184)(185)(186)"
    "(187)(189))(190)(191)(192)(193)(194 195)(196 (197)(198))(199)(200 202)(201)(203)(204)(205)(206 207)(208)"
)


@pytest.mark.parametrize("text", [SPLIT, ORDERED])
def test_the_responses_of_the_rfc_are_written_as_they_are(text: str) -> None:
    """RFC 5256 §3, §4"""
    assert b"".join(write(*read(text))).decode() == text


def test_dummies_are_written_as_nothing() -> None:
    """RFC 5256 §3: (172)((170)(179))(171)(173)((174)(175)(176)(178)(181)(180)) of the last example"""
    numbers = [170, 171, 172, 173, 174, 175, 176, 178, 179, 180, 181]
    found = Threads(11, [2, 11, 1, 3, 12], {11: [0, 8], 12: [4, 5, 6, 7, 10, 9]})
    text = b"(172)((170)(179))(171)(173)((174)(175)(176)(178)(181)(180))"
    assert b"".join(write(found, numbers)) == text


# ---- size


def test_a_chain_as_long_as_a_mailbox() -> None:
    count = 100_000
    mail = [Mail(f"{n}@x", (f"{n - 1}@x",) if n else (), sent=n) for n in range(count)]
    assert threads(mail, count) == "(" + " ".join(map(str, range(1, count + 1))) + ")"


def test_a_chain_told_from_its_end() -> None:
    count = 30_000
    mail = [Mail(f"{n}@x", (f"{n - 1}@x",), sent=n) for n in reversed(range(count))]
    assert threads(mail, count + 1) == "(" + " ".join(map(str, range(count, 0, -1))) + ")"


def test_references_made_up_to_cost_much() -> None:
    """Each message hangs a long chain below the end of another, or moves the half of it elsewhere."""
    count = 20_000
    mail = [Mail(f"own{n}@x", (f"{n + 1}@x", f"{n}@x")) for n in range(count)]
    mail += [Mail(f"{n}@x", (f"{n * 7919 % count}@x",)) for n in range(0, count, 2)]
    assert threads(mail, 4 * count).count(" ") > 0


def test_dummies_upon_dummies() -> None:
    count = 20_000
    mail = [Mail(f"own{n}@x", (f"{n}@x", f"{n + 1}@x")) for n in range(count)]
    assert threads(mail, 4 * count) == "(" + "".join(f"({n})" for n in range(1, count + 1)) + ")"
