"""A forest whose links come and go, which knows at once whether one more would make a loop.

Owns: Forest, the parents of numbered nodes; finding the root of a tree. Never: knows messages. Raises: nothing.

THREAD=REFERENCES may not make a message its own ancestor (RFC 5256 §3 REFERENCES, 1.A). To walk up to the root for
each link would take hours in a mailbox that somebody filled for it. So the walks are remembered, each as a splay tree
(together a "link/cut tree": Sleator and Tarjan, A Data Structure for Dynamic Trees, 1983), and n links cost n·log n in
all. Mail as people write it hardly ever asks: a node without children can't close a loop, nor can one without a parent
be below another.
"""

from array import array

_NONE = -1


class Forest:
    """Nodes 0, 1, 2 …; `parents[node]` is -1 for a root."""

    __slots__ = ("_children", "_left", "_right", "_up", "parents")

    def __init__(self) -> None:
        self.parents = array("q")
        self._children = array("q")  # how many
        # Each node is in one splay tree, ordered from the root down: left of it are ancestors. `_up` of a splay tree's
        # top is the parent of its topmost node.
        self._up = array("q")
        self._left = array("q")
        self._right = array("q")

    def grow(self, count: int) -> None:
        """New roots, until there are `count` nodes."""
        new = count - len(self.parents)
        for column in (self.parents, self._up, self._left, self._right):
            column.extend(array("q", (_NONE,)) * new)
        self._children.extend(array("q", (0,)) * new)

    def link(self, parent: int, child: int) -> None:
        """Make a root the child of `parent`, unless that is among its descendants, or itself."""
        if self._makes_loop(parent, child):
            return
        self.parents[child] = parent
        self._children[parent] += 1
        if self._children[child]:  # so that what hangs on it is not paid for again and again
            self._access(parent)
            self._access(child)
        self._up[child] = parent

    def cut(self, child: int) -> None:
        """Make a node a root."""
        if (parent := self.parents[child]) < 0:
            return
        self._access(child)
        ancestors = self._left[child]
        self._left[child] = self._up[ancestors] = _NONE
        self.parents[child] = _NONE
        self._children[parent] -= 1

    def _makes_loop(self, parent: int, child: int) -> bool:
        if parent == child:
            return True
        if not self._children[child] or self.parents[parent] < 0:
            return False
        return self._root(parent) == child

    def _root(self, node: int) -> int:
        self._access(node)
        left = self._left
        while left[node] >= 0:
            node = left[node]
        self._splay(node)
        return node

    def _access(self, node: int) -> None:
        """Make the way from the root to `node`, and nothing below it, one splay tree with `node` at its top."""
        self._splay(node)
        self._right[node] = _NONE
        while (top := self._up[node]) >= 0:
            self._splay(top)
            self._right[top] = node
            self._rotate(node)

    def _splay(self, node: int) -> None:
        up, left = self._up, self._left
        while not self._is_top(node):
            parent = up[node]
            if not self._is_top(parent):
                grandparent = up[parent]
                straight = (left[parent] == node) == (left[grandparent] == parent)
                self._rotate(parent if straight else node)
            self._rotate(node)

    def _is_top(self, node: int) -> bool:
        up = self._up[node]
        return up < 0 or node not in (self._left[up], self._right[up])

    def _rotate(self, node: int) -> None:
        """Swap a node with the one above it in its splay tree, keeping their order."""
        up, left, right = self._up, self._left, self._right
        parent = up[node]
        top = up[parent]
        if top >= 0:
            if left[top] == parent:
                left[top] = node
            elif right[top] == parent:
                right[top] = node
        if left[parent] == node:
            inner = left[parent] = right[node]
            right[node] = parent
        else:
            inner = right[parent] = left[node]
            left[node] = parent
        if inner >= 0:
            up[inner] = parent
        up[parent], up[node] = node, top
