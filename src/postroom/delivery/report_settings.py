"""Settings that every kind of report has, and those of DMARC's.

Owns: their names, defaults and help. Never: acts on them. Raises: nothing of its own.
"""

from typing import Annotated

import msgspec
from msgspec import Meta


class ReportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What we tell others of a day, and what they tell us."""

    organization: Annotated[str, Meta(description="Who sends the reports; empty: the hostname.")] = ""
    contact: Annotated[
        str, Meta(description="Address here that reports come from; empty: postmaster at the hostname.")
    ] = ""
    spread_seconds: Annotated[
        float, Meta(ge=0, description="Reports leave at a random moment, so many seconds after midnight UTC at most.")
    ] = 14_400.0
    look_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks for reports to send, or to read.")
    ] = 300.0
    first_retry_seconds: Annotated[
        float,
        Meta(gt=0, description="Seconds until a report that could not be sent is tried again; then twice as many."),
    ] = 900.0
    give_up_seconds: Annotated[
        float, Meta(gt=0, description="Seconds after which it is given up (RFC 8460 §5.5: a day).")
    ] = 86_400.0
    flush_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for which results wait in memory before they are written.")
    ] = 10.0
    keep_days: Annotated[int, Meta(ge=1, description="Days for which results are kept.")] = 30
    max_results: Annotated[
        int, Meta(ge=1, description="Different results of one day that are kept; further ones are not counted.")
    ] = 100_000
    max_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of a report that is read, as it came and unpacked.")
    ] = 10_485_760
    max_read: Annotated[
        int,
        Meta(ge=1, description="Messages of a mailbox looked through in one look; the rest wait for the next."),
    ] = 1000
    keep_received_days: Annotated[int, Meta(ge=1, description="Days for which reports of others are kept.")] = 366
    max_received: Annotated[int, Meta(ge=1, description="Reports of others that are kept; the oldest go first.")] = (
        100_000
    )
    read_from: Annotated[
        str, Meta(description="Address here to which others send reports on us: they are read and summed up.")
    ] = ""
    read_mailboxes: Annotated[
        tuple[str, ...],
        Meta(
            description='Mailboxes of the people behind that address in which reports are looked for; "*": in all. One '
            "that does not exist is passed over."
        ),
    ] = ("INBOX",)


class DmarcReportSettings(ReportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[dmarc_reports]`: what others are told of mail in their name, and what they tell of mail in ours."""

    send: Annotated[
        bool, Meta(description="Send a report a day to each domain that asks for one, on mail that came in its name.")
    ] = False
    max_rows: Annotated[
        int, Meta(ge=1, description="Rows of one report; those with the fewest messages are left out.")
    ] = 10_000
