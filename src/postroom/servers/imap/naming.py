"""The LIST response by which a client learns a mailbox's right name (RFC 9051 §6.3.2, §6.3.9.7).

Owns: that response. Never: looks a mailbox up, sends anything. Raises: nothing.
"""

from postroom.imap import encode
from postroom.store.api import Mailbox

from .places import Place
from .session import Session


def list_response(session: Session, place: Place, mailbox: Mailbox, given: str) -> bytes:
    """The mailbox's name; OLDNAME is `given`, where the client has called it otherwise."""
    name = place.shown(mailbox.name)
    attributes: list[str] = []
    if place.guest is None:  # what is subscribed, and what for a mailbox is, is its owner's affair
        attributes += ["\\Subscribed"] if mailbox.subscribed else []
        attributes += [mailbox.special_use] if mailbox.special_use is not None else []
    old_name = b' ("OLDNAME" (%b))' % session.mailbox_name(given) if name != given else b""
    return encode.list_line(attributes, session.mailbox_name(name), more=old_name)
