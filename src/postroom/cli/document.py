"""docs/cli.md, made from the commands: `python -m postroom.cli.document > docs/cli.md`.

Owns: that page. Never: is needed by the commands. Raises: nothing.
"""

import sys
from collections.abc import Iterator

import click

from .group import main

_HEAD = """\
# The command line

`postroom COMMAND --help` shows the same as this page, which is made from the commands
(`python -m postroom.cli.document > docs/cli.md`); a test fails when it is out of date.

Every command ends with 0 when it did what was asked, 1 when it found a problem or failed, 2 when it was called wrongly,
3 when what was named does not exist, or exists already. Where `--json` is offered, standard output is one JSON value.
The settings file is the one given by `--config`, else by `$POSTROOM_CONFIG`, else `./postroom.toml`, else
`/etc/postroom/postroom.toml`. Commands that change accounts, domains, aliases or the queue work beside a running
server, which sees the change at once.
"""


def commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command and sub-command with its full name."""
    top = click.Context(
        main, info_name="postroom", terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"]
    )
    yield from _below(main, top)


def _below(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _below(child, click.Context(child, context, name, terminal_width=100, max_content_width=100))


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for name, command, context in commands():
        parts.append(f"\n## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
