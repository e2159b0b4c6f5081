"""A forest against one that walks."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.imap.ancestry import Forest

NODES = 12


class Walking:
    """The same, the plain way."""

    def __init__(self) -> None:
        self.parents = [-1] * NODES

    def link(self, parent: int, child: int) -> None:
        above = parent
        while above >= 0:
            if above == child:
                return
            above = self.parents[above]
        self.parents[child] = parent

    def cut(self, child: int) -> None:
        self.parents[child] = -1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=200))
def test_no_link_makes_a_loop_and_all_others_are_made(steps: list[tuple[bool, int, int]]) -> None:
    forest, walking = Forest(), Walking()
    forest.grow(NODES - 5)
    forest.grow(NODES)
    for links, one, other in steps:
        if links and walking.parents[other] < 0:
            forest.link(one, other)
            walking.link(one, other)
        elif not links:
            forest.cut(one)
            walking.cut(one)
        assert list(forest.parents) == walking.parents


def test_a_chain_that_is_joined_and_taken_apart_again_and_again_stays_quick() -> None:
    forest = Forest()
    count = 20_000
    forest.grow(count)
    nodes = range(count)
    for node in reversed(nodes[1:]):  # each link asks about a node that has children
        forest.link(node - 1, node)
    for node in nodes[1:]:  # each cut parts a long tree
        forest.cut(node)
        forest.link(node - 1, node)
        forest.link(count - 1, 0)  # refused: the longest walk there is
    assert list(forest.parents) == [-1, *range(count - 1)]
