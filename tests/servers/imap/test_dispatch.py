"""Every command that the grammar knows has a function, and no other has."""

from postroom.imap import COMMANDS
from postroom.servers.imap.dispatch import HANDLERS


def test_every_command_has_its_handler() -> None:
    assert set(HANDLERS) == set(COMMANDS)
