"""Which function carries out which command.

Owns: that table. Never: runs anything; the states a command may be given in, and its consequences, are imap.COMMANDS'.
Raises: nothing.
"""

from postroom.imap.types import (
    Append,
    Authenticate,
    Bare,
    Command,
    Copy,
    Create,
    Delete,
    Enable,
    Fetch,
    Id,
    List,
    Login,
    Rename,
    Search,
    Select,
    Status,
    Store,
    Subscribe,
    UidExpunge,
)

from . import append, fetch, general, idle, mailboxes, messages, search, selecting, signin
from .session import Handler

_BARE: dict[bytes, Handler] = {
    b"CAPABILITY": general.capability,
    b"NOOP": general.noop,
    b"CHECK": general.check,
    b"LOGOUT": general.logout,
    b"STARTTLS": signin.start_tls,
    b"NAMESPACE": mailboxes.namespace,
    b"IDLE": idle.idle,
    b"CLOSE": selecting.close,
    b"UNSELECT": selecting.unselect,
    b"EXPUNGE": messages.expunge,
}
_HANDLERS: dict[type[Command], Handler] = {
    Id: general.identify,
    Enable: general.enable,
    Authenticate: signin.authenticate,
    Login: signin.login,
    Select: selecting.select,
    Create: mailboxes.create,
    Delete: mailboxes.delete,
    Rename: mailboxes.rename,
    Subscribe: mailboxes.subscribe,
    List: mailboxes.list_,
    Status: mailboxes.status,
    Append: append.append,
    Search: search.search,
    Fetch: fetch.fetch,
    Store: messages.store,
    Copy: messages.copy,
    UidExpunge: messages.uid_expunge,
}


def handler(command: Command) -> Handler:
    """The function for a command."""
    return _BARE[command.name] if isinstance(command, Bare) else _HANDLERS[type(command)]
