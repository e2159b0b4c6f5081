"""The store's limits. Owns: their names, defaults and help. Raises: nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[store]`: how mail is kept."""

    inline_limit_octets: Annotated[
        int, Meta(ge=0, description="Messages up to this many octets are kept in mail.db, larger ones in a file each.")
    ] = 65_536
    draft_memory_octets: Annotated[
        int, Meta(ge=0, description="Octets of an arriving message held in memory before they go to a temporary file.")
    ] = 65_536
    undo_days: Annotated[
        int, Meta(ge=0, description="Days that expunged messages and deleted mailboxes can still be brought back.")
    ] = 14
    delivery_memory_days: Annotated[
        int, Meta(ge=1, description="Days that the id of a delivery is remembered, so that it is stored only once.")
    ] = 14
    max_open_accounts: Annotated[
        int, Meta(ge=1, description="Accounts whose files stay open while nobody uses them.")
    ] = 1024
    threads: Annotated[int, Meta(ge=1, le=64, description="Threads that read and write mail, for all accounts.")] = 12
    max_searches: Annotated[int, Meta(ge=1, description="Text searches that run at once, for all accounts.")] = 2
    max_searched_text_octets: Annotated[
        int,
        Meta(ge=0, description="Octets of text searched in a message whose text was too long to be kept for SEARCH."),
    ] = 16 << 20
    index_tail_messages: Annotated[
        int,
        Meta(ge=1, description="New messages of an account that are searched one by one before they are indexed."),
    ] = 256
    index_segment_messages: Annotated[
        int, Meta(ge=1, le=32_768, description="Messages in one piece of an account's search index, at most.")
    ] = 4096
    index_segment_octets: Annotated[
        int, Meta(ge=1, description="Octets of text after which a piece of the search index ends sooner.")
    ] = 16 << 20
    index_step_octets: Annotated[
        int,
        Meta(
            ge=1, description="Octets of search index written in one transaction, about, so that writers need not wait."
        ),
    ] = 262_144
    index_quiet_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="Seconds without a new message before an account's new messages are indexed, and between two "
            "pieces of its index. Where index_segment_messages wait, indexing begins all the same.",
        ),
    ] = 1.0
    max_fuzzy_words: Annotated[
        int, Meta(ge=1, description="Words that a fuzzy search looks for; further ones of its text are passed over.")
    ] = 16
    max_fuzzy_text_characters: Annotated[
        int, Meta(ge=1000, description="Characters of a message's text that a fuzzy search looks at.")
    ] = 100_000
    max_batch: Annotated[
        int, Meta(ge=1, description="Changes of one account that are committed together, with one fsync, at most.")
    ] = 256
    read_on_loop_messages: Annotated[
        int,
        Meta(ge=0, description="Messages whose facts are read at once without a thread; larger reads go to a thread."),
    ] = 4
    write_on_loop_octets: Annotated[
        int,
        Meta(
            ge=0,
            description="Octets of new mail (and 4096 for each change) that are written on the event loop, only their "
            "commit in a thread; what is larger is written in a thread altogether. 0: everything is, for a disk that "
            "seeks and more mail than memory, where looking something up may take long.",
        ),
    ] = 262_144
    cache_kib: Annotated[int, Meta(ge=64, description="KiB of page cache for each open database connection.")] = 2048
    mmap_octets: Annotated[
        int, Meta(ge=0, description="Octets of a mail.db that are read through a memory map; 0 turns it off.")
    ] = 256 << 20
    checkpoint_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of write-ahead log at which it is copied into mail.db, aside.")
    ] = 4 << 20
    checkpoint_hard_octets: Annotated[
        int, Meta(ge=65_536, description="Octets of write-ahead log at which writers wait until it has been copied.")
    ] = 64 << 20
    busy_timeout_seconds: Annotated[
        float, Meta(gt=0, description="Seconds to wait for another process that has a mail.db locked.")
    ] = 10.0
    purge_interval_seconds: Annotated[
        float, Meta(gt=0, description="Seconds between two looks for expunged mail whose time to be kept has passed.")
    ] = 3600.0
    purge_step_messages: Annotated[
        int, Meta(ge=1, description="Messages purged in one transaction, at most, so that writers need not wait long.")
    ] = 500
    max_name_characters: Annotated[int, Meta(ge=16, description="Characters of a mailbox name, at most.")] = 1000
    max_name_depth: Annotated[int, Meta(ge=1, description="Levels of a mailbox name, at most.")] = 50
    max_mailboxes: Annotated[int, Meta(ge=8, description="Mailboxes of one account, at most.")] = 10_000
    max_subscriptions: Annotated[int, Meta(ge=8, description="Subscribed names of one account, at most.")] = 20_000
    max_acl_entries: Annotated[
        int, Meta(ge=1, description="Identifiers in the access control list of one mailbox, at most.")
    ] = 200
    max_annotations: Annotated[
        int, Meta(ge=1, description="Annotations of one mailbox, or of the account itself, for each owner, at most.")
    ] = 100
    max_idle_view_messages: Annotated[
        int,
        Meta(
            ge=0,
            description="Messages in mailboxes that nobody has open any more and whose overview is still kept in "
            "memory, for all accounts; each takes 48 octets.",
        ),
    ] = 1_000_000
    max_view_cache_octets: Annotated[
        int,
        Meta(
            ge=0,
            description="Octets of what SORT, THREAD and FETCH have worked out and keep in memory for the next time, "
            "for all accounts; of one folder and command at most a quarter. 0: nothing is kept.",
        ),
    ] = 64 << 20
    max_feed_changes: Annotated[
        int,
        Meta(
            ge=64,
            description="Changes of an account that several worker processes keep for each other; one that has missed "
            "more looks at the account anew.",
        ),
    ] = 1024
    max_feed_change_octets: Annotated[
        int,
        Meta(ge=0, description="Octets that the note of one change for other worker processes may have."),
    ] = 8 << 20
    look_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds between two looks for what other worker processes have changed, should one have "
            "failed to say so.",
        ),
    ] = 5.0
