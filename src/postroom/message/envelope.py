"""ENVELOPE of a header, as IMAP wire bytes (RFC 3501 §7.4.2), and its addresses as text for SEARCH.

Owns: which field feeds which place. Never: formats strings (imap_wire). Raises: nothing.
"""

from . import imap_wire
from .addresses import Address, parse_list
from .casemap import fold
from .encoded_words import decode_field
from .header import HeaderIndex, text_of, unfold


def _list(header: HeaderIndex, name: bytes, limit: int) -> list[Address]:
    if name not in header.by_name:
        return []
    found: list[Address] = []
    for value in header.all(name):
        found += parse_list(value, limit - len(found))
    return found


def wire_envelope(header: HeaderIndex, max_addresses: int = 5000) -> bytes:
    """The ENVELOPE of a message with that header."""
    from_ = imap_wire.addresses(_list(header, b"from", max_addresses))
    sender = imap_wire.addresses(_list(header, b"sender", max_addresses))
    reply_to = imap_wire.addresses(_list(header, b"reply-to", max_addresses))
    return imap_wire.envelope(
        header.first(b"date"),
        header.text(b"subject"),
        (
            from_,
            from_ if sender == b"NIL" else sender,  # RFC 3501 §7.4.2: the server defaults them to from
            from_ if reply_to == b"NIL" else reply_to,
            imap_wire.addresses(_list(header, b"to", max_addresses)),
            imap_wire.addresses(_list(header, b"cc", max_addresses)),
            imap_wire.addresses(_list(header, b"bcc", max_addresses)),
        ),
        header.first(b"in-reply-to"),
        header.first(b"message-id"),
    )


def address_text(header: HeaderIndex, name: bytes, max_addresses: int = 5000) -> str:
    """What SEARCH's FROM, TO, CC and BCC look into: the field as written and, where comments or backslashes hide them,
    the addresses as the ENVELOPE has them (RFC 3501 §6.4.4)."""
    values = header.by_name.get(name)
    if values is None:
        return ""
    text = text_of(values)
    if "(" not in text and "\\" not in text:
        return text
    plain = [
        b"%b <%b@%b>" % (address.name or b"", address.mailbox or b"", address.host or b"")
        for address in _list(header, name, max_addresses)
    ]
    return "\n".join([text, *(fold(decode_field(unfold(line))) for line in plain)])
