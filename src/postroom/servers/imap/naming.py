"""The LIST response by which a client learns a mailbox's right name (RFC 9051 §6.3.2, §6.3.9.7).

Owns: that response. Never: looks a mailbox up, sends anything. Raises: nothing.
"""

from postroom.imap import encode
from postroom.store.api import Mailbox

from .session import Session


def list_response(session: Session, mailbox: Mailbox, name: str, given: str) -> bytes:
    """`name` is what the client should call it; OLDNAME is `given`, where it has called it otherwise."""
    attributes = ["\\Subscribed"] if mailbox.subscribed else []
    if mailbox.special_use is not None:
        attributes.append(mailbox.special_use)
    old_name = b' ("OLDNAME" (%b))' % session.mailbox_name(given) if name != given else b""
    return encode.list_line(attributes, session.mailbox_name(name), more=old_name)
