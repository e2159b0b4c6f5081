"""The limits of import and export. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class InterchangeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[interchange]`: `postroom import` and `postroom export`."""

    batch_messages: Annotated[
        int, Meta(ge=1, description="Messages that an import commits together, with one fsync, at most.")
    ] = 500
    batch_octets: Annotated[
        int,
        Meta(
            ge=65_536,
            description="Octets of the messages that an import commits together; two such batches are in memory.",
        ),
    ] = 4 << 20
    read_octets: Annotated[
        int, Meta(ge=4096, description="Octets read at once from a file that is imported, or a message exported.")
    ] = 262_144
    max_failures_in_a_row: Annotated[
        int, Meta(ge=1, description="Messages that the disk or the database refuses, one after another; then it ends.")
    ] = 3
    max_reported_failures: Annotated[
        int, Meta(ge=0, description="Messages not taken that are named with --json; further ones are only counted.")
    ] = 1000
