"""The limits of reading a message, each with a name.

Owns: MessageSettings. Never: reads a file (config does). Raises: nothing.
"""

from typing import Annotated

import msgspec
from msgspec import Meta


class MessageSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Limits on what a message may make the scanner keep. The message itself is never changed by them."""

    max_header_octets: Annotated[
        int,
        Meta(description="Octets of one header that are read as a header; what follows counts as body.", ge=1024),
    ] = 262_144
    max_part_headers_octets: Annotated[
        int,
        Meta(description="Octets of all body parts' headers together that are read as headers.", ge=1024),
    ] = 1_048_576
    max_parts: Annotated[
        int, Meta(description="Body parts that are told apart; the last one takes the rest of the message.", ge=1)
    ] = 1000
    max_nesting_depth: Annotated[
        int,
        Meta(description="Levels of multipart and message/rfc822 that are opened; a deeper one is shown closed.", ge=1),
    ] = 50
    max_address_count: Annotated[
        int, Meta(description="Addresses of one header field that appear in ENVELOPE; further ones are left out.", ge=1)
    ] = 5000
    max_references: Annotated[
        int, Meta(description="Message ids of one References field kept for THREAD: the first and the last ones.", ge=2)
    ] = 100
    max_message_id_characters: Annotated[
        int, Meta(description="Characters of a message id; a longer one is not taken for one by THREAD.", ge=64)
    ] = 998
    max_sort_key_characters: Annotated[
        int, Meta(description="Characters of a subject, name or address that SORT and THREAD compare.", ge=16)
    ] = 1000
    max_preview_characters: Annotated[
        int, Meta(description="Characters of PREVIEW; RFC 8970 allows no more than 256.", ge=16, le=256)
    ] = 200
    max_preview_source_octets: Annotated[
        int, Meta(description="Octets of decoded text kept to make PREVIEW of, should SEARCH keep less.", ge=1024)
    ] = 65_536
    max_search_text_octets: Annotated[
        int, Meta(description="Octets of decoded body text kept for SEARCH; further text is not searched.", ge=0)
    ] = 1_048_576
