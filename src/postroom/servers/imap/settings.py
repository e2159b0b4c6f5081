"""Limits of IMAP sessions. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class ImapSessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[imap]`: what an IMAP session may do, for how long."""

    plaintext_sign_in_on_loopback: Annotated[
        bool, Meta(description="Whether clients on this machine may sign in without TLS; nobody else ever may.")
    ] = False
    max_append_octets: Annotated[
        int,
        Meta(
            ge=1024,
            le=4_294_967_295,
            description="Octets of the largest message that APPEND takes; not less than smtp.max_message_octets, or "
            "what was sent could not be saved in Sent.",
        ),
    ] = 268_435_456
    max_append_total_octets: Annotated[
        int,
        Meta(
            ge=1024,
            description="Octets of all messages of one APPEND (MULTIAPPEND) together, should that be more than one "
            "message may have. What is known of each is in memory until the last one has come.",
        ),
    ] = 67_108_864
    quirk_8bit_headers_in_append: Annotated[
        bool,
        Meta(
            description="Accept 8-bit octets in the header of an appended message though UTF8=ACCEPT is not enabled, "
            "which RFC 6855 forbids and clients do that copy old mail."
        ),
    ] = True
    idle_timeout_seconds: Annotated[
        float,
        Meta(ge=1, description="Seconds a signed-in client may be silent; RFC 3501 asks for at least 1800."),
    ] = 1860.0
    sign_in_timeout_seconds: Annotated[
        float, Meta(ge=1, description="Seconds a client may be silent before it has signed in.")
    ] = 180.0
    append_timeout_seconds: Annotated[
        float, Meta(ge=1, description="Seconds a client may be silent in the middle of an APPEND's message.")
    ] = 300.0
    max_sign_in_failures: Annotated[
        int, Meta(ge=1, description="Wrong passwords in one connection before it is closed.")
    ] = 5
    max_bad_commands: Annotated[
        int, Meta(ge=1, description="Commands in a row that make no sense before the connection is closed.")
    ] = 20
    withheld_capabilities: Annotated[
        tuple[str, ...],
        Meta(
            description="Capabilities that are neither told nor enabled, for the sake of clients that claim them "
            "and then don't keep to them."
        ),
    ] = ()
    shared_account: Annotated[
        str,
        Meta(
            description="Address of the account whose mailboxes are the shared ones, #shared/…, for those to whom "
            "its access control lists give rights; empty: there are none."
        ),
    ] = ""
    max_visited_accounts: Annotated[
        int, Meta(ge=4, description="Other people's accounts that a session keeps open.")
    ] = 16
    carry_batch_messages: Annotated[
        int, Meta(ge=1, description="Messages that COPY carries from one account to another in one write.")
    ] = 200
    carry_batch_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of the same, after which the messages so far are written.")
    ] = 16_777_216
    administrators: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses of the people who may set quotas (SETQUOTA) and notes for everybody about the "
            "server (SETMETADATA)."
        ),
    ] = ()
    max_annotation_octets: Annotated[
        int, Meta(ge=1_048_576, description="Octets of all METADATA values of one account; its guests may fill half.")
    ] = 16_777_216
    list_batch_mailboxes: Annotated[
        int, Meta(ge=1, description="Mailboxes that a LIST answers before other sessions get their turn.")
    ] = 200
    fetch_batch_messages: Annotated[
        int, Meta(ge=1, description="Messages that a FETCH formats before other sessions get their turn.")
    ] = 2000
    fetch_batch_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of stored content that a FETCH reads at once.")
    ] = 1_048_576
    output_piece_octets: Annotated[
        int, Meta(ge=4096, description="Octets of output after which a session waits for its client to take them.")
    ] = 131_072
    max_notify_mailboxes: Annotated[
        int, Meta(ge=1, description="Mailboxes that one client may watch with NOTIFY; more are refused.")
    ] = 10_000
    max_notify_accounts: Annotated[
        int, Meta(ge=1, description="Other people's accounts that one client may watch with NOTIFY; more are refused.")
    ] = 64
    max_notifications: Annotated[
        int,
        Meta(
            ge=16,
            description="Mailboxes and annotations with news for a client that does not read, above which NOTIFY is "
            "given up and the client is told so.",
        ),
    ] = 20_000
    max_contexts: Annotated[
        int, Meta(ge=1, description="Results that one session may have kept up to date by UPDATE (RFC 5267).")
    ] = 16
    max_context_messages: Annotated[
        int,
        Meta(
            ge=1,
            description="Messages in all the results that UPDATE keeps up to date in one session; "
            "the first one is kept whatever its size.",
        ),
    ] = 250_000
    max_thread_ids: Annotated[
        int,
        Meta(
            ge=1000,
            description="Message ids that one THREAD=REFERENCES remembers; what further ones refer to is not followed.",
        ),
    ] = 1_000_000
    max_preview_read_octets: Annotated[
        int,
        Meta(ge=1024, description="Octets read for a PREVIEW of a message that was stored before previews were kept."),
    ] = 1_048_576
    compress: Annotated[bool, Meta(description="Whether COMPRESS=DEFLATE is offered.")] = True
    deflate_level: Annotated[
        int, Meta(ge=1, le=9, description="Effort of COMPRESS=DEFLATE: 1 is fast, 9 makes the fewest octets.")
    ] = 2
    deflate_bulk_octets: Annotated[
        int,
        Meta(ge=1024, description="Octets of one write from which the fast compressor takes it, by itself."),
    ] = 4096
    inflate_piece_octets: Annotated[
        int, Meta(ge=1024, description="Octets that are decompressed at once, whatever the input stands for.")
    ] = 65_536
    max_nested_header_octets: Annotated[
        int, Meta(ge=1024, description="Octets of an attached message's header that HEADER.FIELDS looks at.")
    ] = 1_048_576
    max_saved_result_ranges: Annotated[
        int, Meta(ge=1, description="Ranges of messages in the search result that a session saves for $.")
    ] = 50_000
    max_searched_mailboxes: Annotated[int, Meta(ge=1, description="Mailboxes that one ESEARCH looks into.")] = 2000
    progress_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which a command that takes long says how far it is, each time.")
    ] = 10.0
    max_search_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which a search that goes on is ended with NO [LIMIT].")
    ] = 120.0
