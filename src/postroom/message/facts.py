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
class SortKeys:
    """What SORT and THREAD compare (RFC 5256, RFC 5957); texts are folded by `casemap.fold`, message ids are not."""

    sent_at: int | None = None  # the Date field, seconds since 1970 in UTC; None when there is no usable one
    subject: str = ""  # the base subject
    is_reply: bool = False  # by what was taken off the subject (RFC 5256 §3 REFERENCES)
    from_: str = ""  # addr-mailbox of the first address
    to: str = ""
    cc: str = ""
    display_from: str = ""  # RFC 5957 §3
    display_to: str = ""
    message_id: str = ""  # normal form, no angle brackets, no white space; "" when there is no valid one
    references: tuple[str, ...] = ()  # likewise: of References, else the first of In-Reply-To

    @property
    def related_ids(self) -> tuple[str, ...]:
        """What ties the message to a thread, the oldest first."""
        return (*self.references, self.message_id) if self.message_id else self.references


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
    sort: SortKeys
    preview: str  # the first words of the text (RFC 8970 §3); "" when there are none
