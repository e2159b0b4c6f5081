"""The limits of IMAP input: every buffer, literal, list and nesting the engine and the parser know.

Owns: names, defaults and bounds. Never: the session's settings (servers). Raises: nothing.
"""

from typing import Annotated

import msgspec
from msgspec import Meta


class ImapSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What one IMAP connection may send before it is refused."""

    max_line_octets: Annotated[
        int, Meta(description="Longest command line in octets, literals not counted; a longer one gets BAD.", ge=1024)
    ] = 65536
    max_literal_octets: Annotated[
        int, Meta(description="Largest literal in octets, APPEND's message excepted.", ge=1024)
    ] = 65536
    max_command_octets: Annotated[
        int, Meta(description="Largest whole command in octets, with its literals, APPEND's message excepted.", ge=2048)
    ] = 262144
    max_append_octets: Annotated[
        int,
        Meta(description="Largest message literal in octets that an APPEND may announce before it is refused.", ge=0),
    ] = 2**31 - 1
    max_append_messages: Annotated[int, Meta(description="Most messages in one APPEND (MULTIAPPEND).", ge=1)] = 100
    max_catenate_parts: Annotated[
        int, Meta(description="Most parts that one message of an APPEND is catenated from.", ge=1)
    ] = 256
    max_discard_octets: Annotated[
        int,
        Meta(
            description="Octets of one refused command that are read and thrown away; "
            "a client that would send more is disconnected.",
            ge=65536,
        ),
    ] = 64 * 1024 * 1024
    max_raw_line_octets: Annotated[
        int, Meta(description="Longest line in octets of an AUTHENTICATE exchange or in IDLE.", ge=64)
    ] = 16384
    max_buffered_octets: Annotated[
        int, Meta(description="Octets that may wait unparsed before the server stops reading.", ge=65536)
    ] = 262144
    literal_minus: Annotated[
        bool,
        Meta(description="Offer LITERAL- instead of LITERAL+: non-synchronizing literals of at most 4096 octets."),
    ] = False
    max_search_depth: Annotated[
        int, Meta(description="Deepest nesting of parentheses, NOT and OR in SEARCH.", ge=4, le=200)
    ] = 50
    max_search_keys: Annotated[int, Meta(description="Most search keys in one SEARCH.", ge=16)] = 2000
    max_search_texts: Annotated[
        int, Meta(description="Most keys in one SEARCH that look for text; more get NO [LIMIT].", ge=16)
    ] = 256
    max_fetch_items: Annotated[int, Meta(description="Most data items in one FETCH.", ge=16)] = 256
    max_header_fields: Annotated[int, Meta(description="Most field names in one HEADER.FIELDS list.", ge=16)] = 512
    max_part_depth: Annotated[
        int, Meta(description="Most numbers in a FETCH section's part specification (1.2.3).", ge=4)
    ] = 100
    max_flags: Annotated[int, Meta(description="Most flags in one STORE or APPEND.", ge=8)] = 128
    max_keyword_octets: Annotated[int, Meta(description="Longest flag or keyword in octets.", ge=16)] = 255
    max_mailbox_octets: Annotated[
        int, Meta(description="Longest mailbox name or LIST pattern in octets, as sent.", ge=64)
    ] = 1024
    max_identifier_octets: Annotated[
        int, Meta(description="Longest identifier of an access control list in octets, as sent.", ge=64)
    ] = 512
    max_list_patterns: Annotated[int, Meta(description="Most patterns in one extended LIST.", ge=1)] = 64
    max_filter_mailboxes: Annotated[
        int, Meta(description="Most mailbox names in one filter of ESEARCH or NOTIFY.", ge=1)
    ] = 1000
    max_metadata_entries: Annotated[
        int, Meta(description="Most entries in one GETMETADATA, SETMETADATA or LIST RETURN (METADATA).", ge=10)
    ] = 256
    max_metadata_entry_octets: Annotated[
        int, Meta(description="Longest name in octets of a METADATA entry.", ge=64, le=4096)
    ] = 255
    max_metadata_value_octets: Annotated[
        int, Meta(description="Largest value in octets of a METADATA entry.", ge=1024)  # RFC 5464 §4.1: not less
    ] = 32768
    max_id_fields: Annotated[int, Meta(description="Most field-value pairs in one ID.", ge=1)] = 30
    max_notify_groups: Annotated[int, Meta(description="Most event groups in one NOTIFY.", ge=4)] = 64
    max_language_ranges: Annotated[int, Meta(description="Most language ranges in one LANGUAGE.", ge=1)] = 32
    quirk_utf8_in_quoted: Annotated[
        bool,
        Meta(description="Accept valid UTF-8 inside quoted strings, which RFC 3501 forbids and clients send."),
    ] = True
    quirk_spelling: Annotated[
        bool,
        Meta(
            description="Accept what clients send though the grammar has it otherwise: a space behind the last "
            "argument and within the parentheses of ID, a quoted keyword in SEARCH, a day of one digit in APPEND's "
            "date, 0 as the modification sequence that CHANGEDSINCE and QRESYNC start from."
        ),
    ] = True
