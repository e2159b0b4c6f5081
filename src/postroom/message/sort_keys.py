"""What SORT and THREAD compare, from a message's header (RFC 5256, RFC 5957).

Owns: which field gives which key, message ids in their one normal form. Never: sorts, threads. Raises: nothing.
"""

import re

from .addresses import Address, parse_list
from .base_subject import base_subject
from .casemap import fold
from .charset import decode_unlabelled
from .dates import parse_sent
from .encoded_words import decode_field
from .facts import SortKeys
from .header import HeaderIndex, index_header
from .settings import MessageSettings

_NO_SETTINGS = MessageSettings()
# RFC 5322 §3.6.4 msg-id, and what obs-id-left and folding within an id add. A backslash stands in a quoted string only,
# so that no quote mark is looked for twice.
_MESSAGE_ID = re.compile(r'<((?:"(?:[^"\\]|\\.)*+"|[^<>"\\])*+)>', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def sort_keys(header: bytes, settings: MessageSettings = _NO_SETTINGS) -> SortKeys:
    """The keys of a message with that header."""
    return keys_of(index_header(header), settings)


def keys_of(header: HeaderIndex, settings: MessageSettings) -> SortKeys:
    """The same from fields that were found already."""
    most = settings.max_sort_key_characters
    date, subject = header.first(b"date"), header.first(b"subject")
    base, is_reply = base_subject(decode_field(subject)) if subject else ("", False)
    from_, to, cc = (_first_address(header, name) for name in (b"from", b"to", b"cc"))
    own = message_ids(header, b"message-id", 1, settings)
    references = message_ids(header, b"references", settings.max_references, settings)
    if not references:  # RFC 5256 §3: only then
        references = message_ids(header, b"in-reply-to", 1, settings)
    return SortKeys(
        sent_at=parse_sent(date) if date else None,
        subject=_key(base, most),
        is_reply=is_reply,
        from_=_key(_mailbox(from_), most),
        to=_key(_mailbox(to), most),
        cc=_key(_mailbox(cc), most),
        display_from=_key(_display(from_), most),
        display_to=_key(_display(to), most),
        message_id=own[0] if own else "",
        references=references,
    )


def _key(text: str, most: int) -> str:
    return fold(text[:most])[:most] if text else ""


def _first_address(header: HeaderIndex, name: bytes) -> Address | None:
    """The first address structure of the ENVELOPE. Of a group it is the group's own mark, whose addr-mailbox is the
    group's name (RFC 3501 §7.4.2); RFC 5256 §3 and RFC 5957 §3 make no exception of it."""
    if name in header.by_name:
        for value in header.all(name):
            if found := parse_list(value, 1):
                return found[0]
    return None


def _mailbox(address: Address | None) -> str:
    """RFC 5256 §3: addr-mailbox."""
    if address is None or not address.mailbox:
        return ""
    return decode_unlabelled(address.mailbox)


def _display(address: Address | None) -> str:
    """RFC 5957 §3: the display name, else mailbox@host, else the mailbox."""
    if address is None:
        return ""
    name = decode_field(address.name) if address.name else ""
    if name or not address.mailbox:
        return name
    if address.host is None:  # a group's name is a phrase
        return decode_field(address.mailbox)
    mailbox = decode_unlabelled(address.mailbox)
    return f"{mailbox}@{decode_unlabelled(address.host)}" if address.host else mailbox


def message_ids(header: HeaderIndex, name: bytes, most: int, settings: MessageSettings) -> tuple[str, ...]:
    """The valid message ids of a field in normal form, without their angle brackets; of too many the first (it began
    the thread) and the last ones (the nearest ancestors)."""
    if name not in header.by_name:
        return ()
    text = decode_unlabelled(b" ".join(header.all(name)))
    found: list[str] = []
    for match in _MESSAGE_ID.finditer(text):
        if len(match[1]) <= settings.max_message_id_characters and (one := _normal(match[1])):
            found.append(one)
            if most == 1:
                break
    return tuple(found if len(found) <= most else [found[0], *found[1 - most :]])


def _normal(message_id: str) -> str:
    """One spelling for ids that differ in quoting or folding alone (RFC 5256 §3); "" when it is none.

    White space goes even from a quoted part: nothing but mishaps put it there, and ids are kept joined by spaces.
    """
    if '"' in message_id:
        message_id = _QUOTED.sub(lambda quoted: _QUOTED_PAIR.sub(r"\1", quoted[1]), message_id)
    message_id = "".join(message_id.split())
    left, at, right = message_id.rpartition("@")
    return message_id if at and left and right else ""
