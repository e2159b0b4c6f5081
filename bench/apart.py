"""Work in processes of its own, so that a client shares its interpreter's lock with nothing.

Owns: forking, handing back what came of it. Never: measures. Raises: BenchError with the child's last words.
"""

import multiprocessing
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar, cast

from bench.errors import BenchError

T = TypeVar("T")
_FORK = multiprocessing.get_context("fork")


class Apart(Generic[T]):
    """A child that runs `work`; `work` may talk with us over the connection it is handed."""

    def __init__(self, work: Callable[["Connection[Any, Any]"], T]) -> None:
        self._ours, theirs = _FORK.Pipe()
        self._process = _FORK.Process(target=_child, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, word: object) -> None:
        self._ours.send((None, word))

    def hear(self, seconds: float = 300) -> Any:
        """The next thing that the child says."""
        if not self._ours.poll(seconds):
            raise BenchError("a client process says nothing")
        try:
            kind, value = self._ours.recv()
        except EOFError:
            raise BenchError("a client process has ended") from None
        if kind == "failed":
            raise BenchError(value)
        return value

    def result(self, seconds: float = 600) -> T:
        """What `work` returned."""
        value = cast("T", self.hear(seconds))
        self.stop()
        return value

    def stop(self) -> None:
        self._ours.close()
        self._process.terminate()
        self._process.join()


def apart(work: Callable[[], T]) -> T:
    """`work()`, in a process of its own."""
    return Apart(partial(_alone, work)).result()


def together(works: list[Callable[[], T]]) -> list[T]:
    """All of them at once, each in a process of its own."""
    children = [Apart(partial(_alone, work)) for work in works]
    try:
        return [child.result() for child in children]
    finally:
        for child in children:
            child.stop()


def _alone(work: Callable[[], T], line: "Connection[Any, Any]") -> T:
    """Work that has nothing to say."""
    return work()


def _child(line: "Connection[Any, Any]", work: Callable[["Connection[Any, Any]"], object]) -> None:
    try:
        line.send(("result", work(line)))
    except BaseException as error:
        line.send(("failed", f"{error!r}\n{traceback.format_exc(limit=-3)}"))
