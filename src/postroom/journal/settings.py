"""The journal's limits. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[journal]`: what is kept of the way of each message, for `postroom trace`."""

    keep_days: Annotated[
        int, Meta(ge=0, description="Days for which the steps of messages are kept; 0: they are not written.")
    ] = 14
    max_day_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of one day's steps; what comes after is not written.")
    ] = 1 << 30
    flush_seconds: Annotated[
        float, Meta(ge=0, description="Seconds for which steps may wait in memory before they are written.")
    ] = 0.5
