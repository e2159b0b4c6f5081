"""docs/cli.md has every command."""

import click

from postroom.cli.document import commands, page


def test_every_command_is_on_the_page_with_an_example() -> None:
    text = page()
    names = [name for name, _, _ in commands()]
    assert {"postroom", "postroom init", "postroom account add", "postroom queue unhold"} <= set(names)
    for name, command, _ in commands():
        assert f"\n## {name}\n" in text
        assert command.help, name
        if not hasattr(command, "commands") and name != "postroom":
            assert "Example" in (command.epilog or ""), name


def test_commands_that_take_settings_take_them_the_same_way() -> None:
    for name, command, _ in commands():
        options = {flag for parameter in command.params for flag in parameter.opts}
        if name.startswith(("postroom account ", "postroom domain ", "postroom alias ", "postroom queue ")):
            assert "--config" in options, name
        if name.endswith(" list") and not isinstance(command, click.Group):
            assert "--json" in options, name
