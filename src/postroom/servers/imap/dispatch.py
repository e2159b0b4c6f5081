"""Which function carries out which command.

Owns: that table, by the names of imap.COMMANDS; an extension's part of it stands in the extension's own module. Never:
runs anything; the states a command may be given in, and its consequences, are imap.COMMANDS'. Raises: nothing.
"""

from . import acl, append, fetch, general, idle, mailboxes, messages, search, selecting, signin
from .session import Handler

HANDLERS: dict[bytes, Handler] = {
    b"CAPABILITY": general.capability,
    b"NOOP": general.noop,
    b"CHECK": general.check,
    b"LOGOUT": general.logout,
    b"ID": general.identify,
    b"ENABLE": general.enable,
    b"STARTTLS": signin.start_tls,
    b"AUTHENTICATE": signin.authenticate,
    b"LOGIN": signin.login,
    b"NAMESPACE": mailboxes.namespace,
    b"IDLE": idle.idle,
    b"SELECT": selecting.select,
    b"EXAMINE": selecting.select,
    b"CLOSE": selecting.close,
    b"UNSELECT": selecting.unselect,
    b"CREATE": mailboxes.create,
    b"DELETE": mailboxes.delete,
    b"RENAME": mailboxes.rename,
    b"SUBSCRIBE": mailboxes.subscribe,
    b"UNSUBSCRIBE": mailboxes.subscribe,
    b"LIST": mailboxes.list_,
    b"LSUB": mailboxes.list_,
    b"STATUS": mailboxes.status,
    b"APPEND": append.append,
    b"SEARCH": search.search,
    b"UID SEARCH": search.search,
    b"FETCH": fetch.fetch,
    b"UID FETCH": fetch.fetch,
    b"STORE": messages.store,
    b"UID STORE": messages.store,
    b"COPY": messages.copy,
    b"UID COPY": messages.copy,
    b"MOVE": messages.copy,
    b"UID MOVE": messages.copy,
    b"EXPUNGE": messages.expunge,
    b"UID EXPUNGE": messages.uid_expunge,
    b"SETACL": acl.set_acl,
    b"DELETEACL": acl.delete_acl,
    b"GETACL": acl.get_acl,
    b"LISTRIGHTS": acl.list_rights,
    b"MYRIGHTS": acl.my_rights,
}
