"""Every command that the grammar knows has a function."""

from postroom.imap import COMMANDS
from postroom.imap.types import Bare, Fetch, SeqSet
from postroom.servers.imap import dispatch, fetch, general


def test_every_bare_command_has_its_handler() -> None:
    bare = {b"CAPABILITY", b"NOOP", b"LOGOUT", b"STARTTLS", b"NAMESPACE", b"IDLE"}
    bare |= {b"CHECK", b"CLOSE", b"UNSELECT", b"EXPUNGE"}
    assert bare <= set(COMMANDS)
    assert set(dispatch._BARE) == bare


def test_handler() -> None:
    assert dispatch.handler(Bare(b"NOOP")) is general.noop
    assert dispatch.handler(Fetch(SeqSet(()), (), uid=True)) is fetch.fetch


def test_no_handler_is_named_twice() -> None:
    handlers = [*dispatch._BARE.values(), *dispatch._HANDLERS.values()]
    assert len(handlers) == len(set(handlers))
