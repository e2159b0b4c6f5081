"""How far a long command is: a bar on a terminal, nothing elsewhere.

Owns: the bar, on standard error. Never: decides what is told at the end. Raises: nothing.
"""

from types import TracebackType
from typing import TYPE_CHECKING

import click

from .outcome import tame

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar:
    """`begin` a part, `reach` a position in it; `say` prints a line above the bar. Use it in a with statement."""

    def __init__(self, *, show: bool) -> None:
        self._progress: Progress | None = _drawn() if show else None
        self._task: TaskID | None = None

    def begin(self, name: str, extent: int) -> None:
        """`extent` 0: how long it takes is not known."""
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.stop_task(self._task)
        self._task = self._progress.add_task(tame(name), total=extent or None, more="")

    def reach(self, position: int, more: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=position, more=more)

    def say(self, line: str) -> None:
        """On standard error, whether or not there is a bar."""
        if self._progress is not None:
            self._progress.console.print(tame(line), markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(tame(line), err=True)

    def __enter__(self) -> "Bar":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()


def _drawn() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[more]}", markup=False),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
