"""What is worth knowing about a message, gathered once, while it arrives.

Owns: the value types that travel from the scanner to the store. Never: reads octets (see scanner.py). Raises: nothing.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class SearchText:
    """Decoded text for SEARCH, folded by `casemap.fold` (i;unicode-casemap, RFC 5051), ready for substring tests.

    Address fields hold the decoded field bodies (all instances, joined by a line feed); `headers` every header field,
    one "name: value" a line; `body` every text part, decoded and with HTML reduced to its text, parts joined by "\\n".
    """

    from_: str = ""
    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    headers: str = ""
    body: str = ""
    complete: bool = True  # False: the body text was cut at MessageSettings.max_search_text_octets


@dataclass(slots=True)
class Facts:
    """Everything the store keeps beside a message's octets. Offsets count from the start of the content."""

    size: int  # octets of the content
    line_end_octets: int  # what it grows by when every line, the last one too, is made to end with CRLF
    header_len: int  # octets of the header with the blank line that ends it
    header: bytes  # those octets
    envelope: bytes  # IMAP ENVELOPE, as wire bytes "(...)" (RFC 3501 §7.4.2)
    body_structure: bytes  # IMAP BODYSTRUCTURE with extension data, as wire bytes
    body: bytes  # IMAP BODY: the same without extension data
    parts: bytes  # packed part map; parts.PartMap.unpack reads it
    sent_day: (
        int | None
    )  # day of the Date field as written: datetime.date.toordinal(); None when there is no usable one
    message_id: str
    search: SearchText
