"""How commands end and what they print.

Owns: exit codes, tables, JSON, the taming of text that came from elsewhere. Never: does a command's work.
Raises: the Refusal family, which click prints.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click


class Refusal(click.ClickException):
    """Ends a command with a sentence: something is wrong, or failed."""

    exit_code = 1


class WrongUse(Refusal):
    """What was given can't be used."""

    exit_code = 2


class MissingOrPresent(Refusal):
    """What was named does not exist, or exists already."""

    exit_code = 3


def print_json(value: Any) -> None:
    """For programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def tame(text: str) -> str:
    """Text from elsewhere, without characters that a terminal would obey."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """For people: drawn on a terminal; plain columns, never cut, when the output goes elsewhere."""
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [[tame(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(headings, cells)
        return
    table = [list(headings), *cells]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
