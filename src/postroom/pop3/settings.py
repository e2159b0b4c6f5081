"""POP3's limits and what it announces. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Pop3Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[pop3]`: what every POP3 session keeps to."""

    plaintext_sign_in_on_loopback: Annotated[
        bool, Meta(description="Whether clients on this machine may sign in without TLS; others never may.")
    ] = False
    idle_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds of silence after which a session ends; RFC 1939 asks for at least 600.")
    ] = 600.0
    sign_in_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds of silence after which a session that has not signed in ends.")
    ] = 180.0
    max_sign_in_failures: Annotated[
        int, Meta(ge=1, description="Failed sign-ins after which the connection is closed.")
    ] = 3
    max_bad_commands: Annotated[
        int, Meta(ge=1, description="Unknown or malformed commands after which the connection is closed.")
    ] = 20
    max_line_octets: Annotated[
        int, Meta(ge=255, description="Octets of a command line with its CRLF; RFC 2449 asks for 255.")
    ] = 255
    max_response_line_octets: Annotated[
        int, Meta(ge=255, description="Octets of a line within an AUTH exchange, with its CRLF.")
    ] = 12290
    max_discarded_octets: Annotated[
        int, Meta(ge=1024, description="Octets of one over-long line after which the connection is closed.")
    ] = 65536
    login_delay_seconds: Annotated[
        int, Meta(ge=0, description="Seconds from one sign-in of an account to its next (LOGIN-DELAY); 0: none.")
    ] = 0
    expire_days: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Days after its arrival from which a message that a POP3 client has retrieved and left is "
            "removed at the end of a session (EXPIRE); 0: at once. Unset: never.",
        ),
    ] = None
    refuse_utf8_headers: Annotated[
        bool,
        Meta(
            description="Whether a client that has not said UTF8 gets -ERR [UTF8] for a message with UTF-8 header "
            "fields (RFC 6856 section 5); off: the message as it is, which clients cope with."
        ),
    ] = False
    piece_octets: Annotated[
        int, Meta(ge=4096, description="Octets read from the store at a time for a message too large to hold.")
    ] = 131_072
    read_ahead_messages: Annotated[
        int, Meta(ge=1, description="Messages read together when a client retrieves one after another.")
    ] = 32
    read_ahead_octets: Annotated[
        int, Meta(ge=0, description="Octets that messages read ahead may take in one session.")
    ] = 262_144
    listing_piece_lines: Annotated[int, Meta(ge=1, description="Lines of LIST or UIDL made at a time.")] = 512
    output_octets: Annotated[
        int,
        Meta(ge=512, description="Octets of replies to pipelined commands gathered before the peer must take some."),
    ] = 65_536
