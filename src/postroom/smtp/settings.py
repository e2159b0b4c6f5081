"""The limits of an SMTP or LMTP session, with the tolerances that have a name. Owns: their names, defaults and help.
Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class SmtpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[smtp]`: what every SMTP, submission and LMTP session keeps to."""

    max_message_octets: Annotated[
        int,
        Meta(
            ge=65_536,
            description="Octets of the largest message accepted; announced by SIZE (RFC 1870). A file takes 37 % more "
            "as an attachment: the default has room for one of 150 MiB. The server's memory does not depend on it.",
        ),
    ] = 268_435_456
    max_discarded_octets: Annotated[
        int,
        Meta(
            ge=65_536,
            description="Octets of an over-large message or line read and thrown away before a session is cut.",
        ),
    ] = 1_073_741_824
    max_recipients: Annotated[
        int, Meta(ge=100, description="Recipients of one message; one more is told 452 (RFC 5321 §4.5.3.1.8).")
    ] = 1000
    max_command_octets: Annotated[
        int, Meta(ge=1200, description="Octets of one command line with its CRLF (RFC 5321 §4.5.3.1.4, RFC 3461 §5.4).")
    ] = 2048
    max_auth_octets: Annotated[
        int, Meta(ge=512, description="Octets of an AUTH command or response with its CRLF (RFC 4954 §4).")
    ] = 12_290
    max_local_part_octets: Annotated[
        int, Meta(ge=64, description="Octets before the @ of an address; list software sends more than the RFC's 64.")
    ] = 256
    max_domain_octets: Annotated[int, Meta(ge=64, description="Octets of a domain (RFC 5321 §4.5.3.1.2).")] = 255
    max_path_octets: Annotated[
        int, Meta(ge=256, description="Octets of a path with its brackets and source route (RFC 5321 §4.5.3.1.3).")
    ] = 1024
    max_errors: Annotated[
        int, Meta(ge=1, description="Wrong commands in one session after which it is closed with 421.")
    ] = 20
    max_refused_recipients: Annotated[
        int, Meta(ge=1, description="Refused recipients in one session after which it is closed with 421.")
    ] = 500
    max_idle_commands: Annotated[
        int, Meta(ge=1, description="Commands that move no mail (NOOP, RSET, VRFY …) since the last message; then 421.")
    ] = 500
    max_transactions: Annotated[
        int, Meta(ge=1, description="Messages in one session after which it is closed with 421.")
    ] = 100_000
    min_deliver_by_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=999_999_999,
            description="The shortest time in which a sender may want mail to arrive or be returned (BY with R, RFC "
            "2852); announced by DELIVERBY.",
        ),
    ] = 60
    max_hold_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=999_999_999,
            description="How long people may have their mail held before it is sent (HOLDFOR, HOLDUNTIL; RFC 4865); 0: "
            "not at all.",
        ),
    ] = 2_592_000
    max_held_messages: Annotated[
        int,
        Meta(
            ge=1,
            description="Messages that one person may have held at once; one more is refused (RFC 4865 §5).",
        ),
    ] = 1000
    max_held_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of all messages that one person has held at once.")
    ] = 1_073_741_824
    max_submitted_priority: Annotated[
        int,
        Meta(
            ge=0,
            le=9,
            description="The highest priority that people may give their mail (MT-PRIORITY, RFC 6710).",
        ),
    ] = 0
    max_auth_failures: Annotated[
        int, Meta(ge=1, description="Failed sign-ins in one session after which it is closed with 421.")
    ] = 3
    command_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to wait for the next command (RFC 5321 §4.5.3.2.7).")
    ] = 300.0
    data_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to wait for more of a message (RFC 5321 §4.5.3.2.5).")
    ] = 180.0
    allow_plaintext_auth_on_loopback: Annotated[
        bool, Meta(description="Offer sign-in without TLS to clients on the loopback interface; for development.")
    ] = False
    quirk_space_after_colon: Annotated[
        bool, Meta(description='Accept "MAIL FROM: <…>" and "RCPT TO: <…>", which RFC 5321 §3.3 forbids.')
    ] = True
    quirk_missing_angle_brackets: Annotated[
        bool, Meta(description='Accept "MAIL FROM:user@example.org" without the angle brackets.')
    ] = False
    quirk_bare_cr_lf_in_data: Annotated[
        bool,
        Meta(description="Turn a bare CR or LF within a message into CRLF instead of refusing the message."),
    ] = False
    quirk_nul_in_data: Annotated[
        bool, Meta(description="Accept a message with NUL octets, which no mail client can be expected to read.")
    ] = False
