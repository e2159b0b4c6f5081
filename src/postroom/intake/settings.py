"""The limits of intake. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class IntakeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[intake]`: what happens to a message that arrives."""

    max_received_fields: Annotated[
        int, Meta(ge=10, description="Received fields of a message that is taken for a loop (RFC 5321 §6.3).")
    ] = 100
    max_submitted_header_octets: Annotated[
        int, Meta(ge=16_384, description="Octets of the header of a submitted message, which is completed in memory.")
    ] = 1_048_576
    check_submitted_from: Annotated[
        bool,
        Meta(
            description="Refuse submitted mail whose From, Sender, Resent-From or Resent-Sender field names an address "
            "that is not one of the signed-in person's own."
        ),
    ] = True
    check_submitted_addresses: Annotated[
        bool,
        Meta(description='Refuse submitted mail with an incomplete address, like "To: bob", in its header (RFC 6409).'),
    ] = True
    max_concurrent_deliveries: Annotated[
        int, Meta(ge=1, description="Mailboxes into which one message with many recipients is delivered at once.")
    ] = 32
    max_reported_header_octets: Annotated[
        int, Meta(ge=1024, description="Octets of a message's header given back in the report on an alias (RFC 3461).")
    ] = 65_536
    details_name_mailboxes: Annotated[
        bool, Meta(description='Deliver mail for "bob+Lists@" into the mailbox "Lists" where bob has one.')
    ] = True
    refuse_when_over_quota: Annotated[
        bool,
        Meta(
            description="Refuse mail for a full mailbox for good (552) instead of letting its sender try again (452)."
        ),
    ] = False
    add_sender_ip: Annotated[
        bool, Meta(description="Name the client's IP address in the Received field of submitted mail.")
    ] = True
