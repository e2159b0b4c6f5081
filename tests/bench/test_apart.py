"""Work in other processes."""

import os
from multiprocessing.connection import Connection
from typing import Any

import pytest
from bench.apart import Apart, apart, together
from bench.errors import BenchError

# The benchmark forks while it has one thread; what runs tests in parallel has some.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def test_it_runs_elsewhere_and_its_result_comes_back() -> None:
    assert apart(lambda: (os.getpid() != os.getppid(), 7)) == (True, 7)
    assert len(set(together([os.getpid, os.getpid]))) == 2


def test_a_failure_comes_back_in_words() -> None:
    with pytest.raises(BenchError, match="ZeroDivisionError"):
        apart(lambda: 1 // 0)


def test_a_child_that_ends_without_a_word_is_told() -> None:
    with pytest.raises(BenchError, match="has ended"):
        apart(lambda: os._exit(3))


def test_they_can_talk() -> None:
    def work(line: "Connection[Any, Any]") -> int:
        line.send(("said", "ready"))
        return int(line.recv()[1]) + 1

    child = Apart(work)
    assert child.hear() == "ready"
    child.tell(41)
    assert child.result() == 42
