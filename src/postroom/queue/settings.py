"""The queue's limits. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[queue]`: how much may wait, and where."""

    max_messages: Annotated[int, Meta(ge=1, description="Messages in the queue; one more is refused for now.")] = (
        200_000
    )
    max_octets: Annotated[
        int,
        Meta(ge=1, description="Octets of all messages in the queue; a message that exceeds it is refused for now."),
    ] = 50 << 30
    inline_limit_octets: Annotated[
        int, Meta(ge=0, description="Contents up to this many octets are kept in queue.db, larger ones in a file each.")
    ] = 65_536
    on_loop_octets: Annotated[
        int,
        Meta(
            ge=0,
            description="Messages up to this many octets are read, and changes of them made, on the event loop; only "
            "the commit is not. 0: never; better where the disk seeks.",
        ),
    ] = 65_536
    once_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds for which it is remembered what a list or an alias has sent on, lest a crash makes it "
            "do so twice.",
        ),
    ] = 864_000.0
    max_batch: Annotated[
        int, Meta(ge=1, description="Changes that are committed together, with one fsync, at most.")
    ] = 256
    max_reply_characters: Annotated[
        int, Meta(ge=64, description="Characters of a remote host's last reply that are kept with an entry.")
    ] = 1000
    busy_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to wait for another process that is writing to queue.db.")
    ] = 10.0
    poll_interval_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks whether another process has changed the queue.")
    ] = 1.0
    sender_turn_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="In the line of a destination, messages of one sender stand so many seconds behind each other, "
            "so that one with thousands does not keep the others waiting; 0: first come, first served.",
        ),
    ] = 0.05
    max_remembered_senders: Annotated[
        int, Meta(ge=1, description="Senders and destinations for which that place in line is remembered.")
    ] = 10_000
    suppress_after_bounces: Annotated[
        int,
        Meta(
            ge=0,
            description="An address that was refused for good so many times in a row is not asked again for a while; "
            "its senders have their mail back at once. 0: never.",
        ),
    ] = 3
    suppress_seconds: Annotated[
        float, Meta(gt=0, description="Seconds for which such an address is not asked again.")
    ] = 604_800.0
    max_suppressions: Annotated[int, Meta(ge=1, description="Addresses that are remembered as refused.")] = 100_000
