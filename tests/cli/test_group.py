"""`postroom` itself."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from postroom import __version__
from postroom.cli import main
from postroom.cli.group import COMMANDS


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name, (_, _, text) in COMMANDS.items():
        assert f"{name}  " in result.output
        assert text in result.output
    assert CliRunner().invoke(main, ["--version"]).output == f"postroom, version {__version__}\n"


def test_help_imports_no_server_code() -> None:
    script = (
        "import sys\nfrom postroom.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted(name for name in sys.modules if name in {'asyncio', 'apsw', 'msgspec', 'rich', 'ssl', 'uvloop'}"
        " or name.startswith('postroom.') and not name.startswith('postroom.cli')))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_a_command_that_does_not_exist() -> None:
    result = CliRunner().invoke(main, ["frobnicate"])
    assert result.exit_code == 2
    assert "No such command" in result.output


@pytest.mark.parametrize("name", ["init", "check", "account", "domain", "alias", "queue", "config"])
def test_the_one_line_of_help_is_true_to_the_command(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
