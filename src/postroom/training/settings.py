"""The settings of training. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]`: what each person's moves to and from Junk teach (docs/junk.md)."""

    enabled: Annotated[bool, Meta(description="Learn from each person's moves, and judge their mail by it.")] = True
    min_junk: Annotated[
        int, Meta(ge=1, description="Messages of junk that an account must have taught before its mail is judged.")
    ] = 30
    min_ham: Annotated[
        int, Meta(ge=1, description="Messages that are no junk, likewise. Fewer make mistakes more frequent.")
    ] = 200
    junk_probability: Annotated[
        float,
        Meta(
            ge=0.9, lt=1.0, description="From this probability on a message goes to Junk. It is never refused for it."
        ),
    ] = 0.998
    points: Annotated[
        float, Meta(ge=0, le=100, description="Points of a verdict that is sure, for or against, where it is told.")
    ] = 5.0
    ham_days: Annotated[
        float,
        Meta(
            ge=0,
            description="Days for which mail that was read is kept outside Junk and Trash before it counts as ham.",
        ),
    ] = 3
    look_interval_hours: Annotated[
        float,
        Meta(ge=0.1, description="How often mail that was kept is looked for, in accounts that have taught junk."),
    ] = 12
    max_messages: Annotated[
        int, Meta(ge=100, description="Messages of each kind that an account has in mind; the oldest are forgotten.")
    ] = 2000
    max_waiting_accounts: Annotated[
        int, Meta(ge=1, description="Accounts that wait to be looked at; the news of others is found at a later look.")
    ] = 10_000
