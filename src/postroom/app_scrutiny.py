"""The part of the composition root that builds who looks at mail from outside: what is known of strangers, filters.

Owns: from what they are built. Never: decides about mail. Raises: MailError when a database can't be opened.
"""

import contextlib

from postroom.accounts import MailDirectory
from postroom.base import Clock
from postroom.config import Config
from postroom.dns import Resolver
from postroom.filters import Filters
from postroom.net import Dialer, Networks
from postroom.reputation import ReputationDatabase, Strangers
from postroom.store import MailStore


def strangers_of(
    config: Config, resolver: Resolver, directory: MailDirectory, clock: Clock, closing: contextlib.AsyncExitStack
) -> Strangers:
    """Who brings mail from outside; `closing` closes it."""
    database = ReputationDatabase(config.data / "reputation.db")
    closing.callback(database.close)
    trusted = Networks(config.authentication.trusted_networks)
    strangers = Strangers(
        resolver,
        database,
        config.strangers,
        clock,
        hostname=config.hostname,
        domains=directory,
        trusted=trusted,
    )
    closing.push_async_callback(strangers.close)
    return strangers


def filters_of(config: Config, resolver: Resolver, store: MailStore, closing: contextlib.AsyncExitStack) -> Filters:
    """Other programs that look at mail; `closing` closes them."""
    filters = Filters(
        config.filter,
        Dialer(config.net),
        hostname=config.hostname,
        spool=lambda: store.draft().spool,  # what a crash leaves there is removed at the next start
        resolver=resolver,
    )
    closing.callback(filters.close)
    return filters
