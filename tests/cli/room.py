"""A settings file and a data folder for tests of the command line."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from postroom.cli import main

SETTINGS = """\
hostname = "mail.example.org"
data = "data"
[accounts]
hash_memory_kibibytes = 8
hash_passes = 1
"""


class Room:
    """Runs commands against its own settings file."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "postroom.toml"
        self.data = folder / "data"
        self.config.write_text(SETTINGS)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, [*arguments, "--config", str(self.config)], input=stdin)

    def ok(self, *arguments: str, stdin: str = "") -> str:
        """Standard output of a command that must succeed."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def fails(self, code: int, *arguments: str, stdin: str = "") -> str:
        """Standard error of a command that must end with `code`."""
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == code, (result.exit_code, result.output)
        return result.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))
