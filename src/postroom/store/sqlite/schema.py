"""The tables of an account's mail.db, and how older ones become them.

Owns: the schema, its version, the migrations. Never: reads or writes mail. Raises: StoreFailure for a file that is not
ours or is newer than this program.

Narrow tables hold what changes (messages), wide ones what never does (contents, bodies, search_text); docs/storage.md
tells why and what each column means.
"""

from collections.abc import Callable

import apsw

from postroom.store.api import StoreFailure

from . import sorting
from .query import alone

APPLICATION_ID = 0x506F7374  # "Post"

_FIRST = """
CREATE TABLE account(
  id INTEGER PRIMARY KEY CHECK (id = 1),
  modseq INTEGER NOT NULL,        -- of the latest change
  uid_validity INTEGER NOT NULL,  -- the latest one given out
  mailbox_next INTEGER NOT NULL,  -- ids are never used twice
  content_next INTEGER NOT NULL,
  octets INTEGER NOT NULL,        -- of all messages that are not expunged
  messages INTEGER NOT NULL
);
CREATE TABLE mailboxes(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  uid_validity INTEGER NOT NULL,
  uid_next INTEGER NOT NULL,
  highest_modseq INTEGER NOT NULL,
  recent_uid INTEGER NOT NULL,    -- messages from this uid on have been shown to no session
  messages INTEGER NOT NULL,
  unseen INTEGER NOT NULL,
  deleted INTEGER NOT NULL,       -- messages with \\Deleted
  octets INTEGER NOT NULL,
  special_use TEXT,
  deleted_at INTEGER              -- when the mailbox was deleted; NULL: it is there
);
CREATE UNIQUE INDEX mailboxes_by_name ON mailboxes(name) WHERE deleted_at IS NULL;
CREATE TABLE subscriptions(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE keywords(
  mailbox_id INTEGER NOT NULL,
  bit INTEGER NOT NULL,           -- 5..62 of messages.flags
  name TEXT NOT NULL,
  PRIMARY KEY (mailbox_id, bit)
) WITHOUT ROWID;
CREATE TABLE messages(
  mailbox_id INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL,         -- 1 \\Seen, 2 \\Answered, 4 \\Flagged, 8 \\Deleted, 16 \\Draft, then keywords
  content_id INTEGER NOT NULL,
  size INTEGER NOT NULL,
  internal_date INTEGER NOT NULL,
  PRIMARY KEY (mailbox_id, uid)
) WITHOUT ROWID;
CREATE TABLE expunged(
  mailbox_id INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  modseq INTEGER NOT NULL,        -- of the expunge
  flags INTEGER NOT NULL,
  content_id INTEGER,             -- NULL: moved, nothing to bring back
  size INTEGER NOT NULL,
  internal_date INTEGER NOT NULL,
  expunged_at INTEGER NOT NULL,
  PRIMARY KEY (mailbox_id, uid)
) WITHOUT ROWID;
CREATE INDEX expunged_by_time ON expunged(expunged_at);
CREATE TABLE contents(
  id INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,          -- with the prefix
  header_len INTEGER NOT NULL,    -- with the prefix
  prefix_len INTEGER NOT NULL,
  line_end_octets INTEGER NOT NULL,  -- what it grows by when its lines are made to end with CRLF
  sent_day INTEGER,               -- date.toordinal() of the Date field
  blob TEXT,                      -- name of the file under blobs/ that holds the content; NULL: see bodies
  envelope BLOB NOT NULL,
  body_structure BLOB NOT NULL,
  body BLOB NOT NULL,
  parts BLOB NOT NULL,
  message_id TEXT NOT NULL,
  header BLOB NOT NULL            -- prefix + header
);
CREATE INDEX contents_by_line_ends ON contents(line_end_octets) WHERE line_end_octets > 0;
CREATE INDEX contents_by_blob ON contents(blob) WHERE blob IS NOT NULL;
CREATE TABLE bodies(
  content_id INTEGER PRIMARY KEY,
  data BLOB NOT NULL              -- what follows the header
);
CREATE TABLE search_text(
  content_id INTEGER PRIMARY KEY,
  complete INTEGER NOT NULL,      -- 0: the body text was cut
  from_ TEXT NOT NULL,
  to_ TEXT NOT NULL,
  cc TEXT NOT NULL,
  bcc TEXT NOT NULL,
  subject TEXT NOT NULL,
  headers TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE shared_contents(
  content_id INTEGER PRIMARY KEY,
  copies INTEGER NOT NULL         -- rows of messages and expunged that name the content, beyond the first
);
CREATE TABLE deliveries(
  delivery_id TEXT PRIMARY KEY,
  mailbox_id INTEGER NOT NULL,
  uid_validity INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  delivered_at INTEGER NOT NULL
) WITHOUT ROWID;

"""

_SECOND = """
ALTER TABLE contents ADD COLUMN preview TEXT;  -- the first words of the text; NULL: stored by version 1
CREATE TABLE sort_keys(           -- what SORT and THREAD compare; texts are folded, message ids in normal form
  content_id INTEGER PRIMARY KEY,
  thread_id INTEGER NOT NULL,     -- the content id of the first message of its thread
  sent_at INTEGER,                -- the Date field, seconds since 1970
  is_reply INTEGER NOT NULL,      -- 1: by its subject
  subject TEXT NOT NULL,          -- base subject
  from_ TEXT NOT NULL,
  to_ TEXT NOT NULL,
  cc TEXT NOT NULL,
  display_from TEXT NOT NULL,
  display_to TEXT NOT NULL,
  message_id TEXT NOT NULL,
  refs TEXT NOT NULL              -- joined by spaces
);
CREATE INDEX sort_keys_by_thread ON sort_keys(thread_id);
CREATE TABLE thread_ids(
  hash INTEGER PRIMARY KEY,       -- of a message id that some message has or refers to
  thread_id INTEGER NOT NULL
);
"""

# The dotless i is an i to i;unicode-casemap (RFC 5051); versions before kept the two apart.
_DOTLESS = """
UPDATE search_text SET from_ = replace(from_, 'ı', 'i'), to_ = replace(to_, 'ı', 'i'), cc = replace(cc, 'ı', 'i'),
  bcc = replace(bcc, 'ı', 'i'), subject = replace(subject, 'ı', 'i'), headers = replace(headers, 'ı', 'i'),
  body = replace(body, 'ı', 'i')
WHERE instr(headers, 'ı') OR instr(body, 'ı');
"""

# purged_modseq: until now nobody could ask what was expunged, so nobody need be told of what is no longer known
_THIRD = """
ALTER TABLE messages ADD COLUMN saved_at INTEGER;  -- when the message came into this mailbox; NULL: not known
ALTER TABLE mailboxes ADD COLUMN purged_modseq INTEGER NOT NULL DEFAULT 0;  -- the highest of a tombstone that is gone
UPDATE mailboxes SET purged_modseq = highest_modseq;
-- One index for the purge and for "what has gone since": an expunge of many need not feed two
DROP INDEX expunged_by_time;
CREATE INDEX expunged_by_modseq ON expunged(modseq);
CREATE TABLE acl(
  mailbox_id INTEGER NOT NULL,
  identifier TEXT NOT NULL,       -- RFC 4314: who; with "-" before it, what is taken from them
  rights TEXT NOT NULL,           -- letters, in order
  PRIMARY KEY (mailbox_id, identifier)
) WITHOUT ROWID;
CREATE TABLE annotations(
  mailbox_id INTEGER NOT NULL,    -- 0: the account itself
  owner INTEGER NOT NULL,         -- the account whose /private entry it is; 0: a /shared one
  entry TEXT NOT NULL,            -- in lower case
  value BLOB NOT NULL,
  PRIMARY KEY (mailbox_id, owner, entry)
);
"""

_FOURTH = """
CREATE TABLE flag_runs(             -- changes of many messages' flags that are not in their own rows yet
  mailbox_id INTEGER NOT NULL,
  first_uid INTEGER NOT NULL,     -- of the messages from here
  last_uid INTEGER NOT NULL,      -- to here, none of which another run is about,
  modseq INTEGER NOT NULL,        -- this is the modseq,
  clears INTEGER NOT NULL,        -- and these are the flags: messages.flags without those
  sets INTEGER NOT NULL,          -- and with these
  PRIMARY KEY (mailbox_id, first_uid)
) WITHOUT ROWID;
CREATE VIEW messages_now AS       -- the messages as they are
SELECT messages.mailbox_id, uid, coalesce(flag_runs.modseq, messages.modseq) AS modseq,
  iif(flag_runs.modseq IS NULL, flags, flags & ~clears | sets) AS flags, content_id, size, internal_date, saved_at
FROM messages LEFT JOIN flag_runs ON flag_runs.mailbox_id = messages.mailbox_id AND uid BETWEEN first_uid AND last_uid;
"""

# The search index begins empty: it is filled behind deliveries, in steps (index_writing.py).
_FIFTH = """
CREATE TABLE index_segments(      -- each indexes the texts of a run of content ids, which are its documents 0, 1 …
  id INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,         -- 0: being written, 1: answers, 2: replaced, to be removed
  since INTEGER NOT NULL,         -- when it was begun
  whole INTEGER NOT NULL,         -- 1: large enough; 0: to be made anew, together with what comes after it
  first INTEGER NOT NULL,         -- the content id of document 0
  documents INTEGER NOT NULL,     -- content ids from there on, whether there are such contents or not
  made_of INTEGER NOT NULL,       -- contents that were there when it was made
  texts INTEGER NOT NULL,         -- contents that are still there
  cut BLOB NOT NULL               -- documents whose search_text is not complete, a bitmap
);
CREATE TABLE index_fields(
  segment_id INTEGER NOT NULL,
  field INTEGER NOT NULL,         -- a column of search_text, from 0: from_, to_, cc, bcc, subject, headers, body
  present BLOB NOT NULL,          -- documents that have such a text, a bitmap
  skipped BLOB NOT NULL,          -- documents of which only common tokens are in the index, a bitmap; empty: none
  PRIMARY KEY (segment_id, field)
) WITHOUT ROWID;
CREATE TABLE index_blocks(
  segment_id INTEGER NOT NULL,
  field INTEGER NOT NULL,
  part INTEGER NOT NULL,          -- 0: frequent tokens, 1: other tokens, 2: pairs of frequent tokens
  place INTEGER NOT NULL,         -- in the order of reading
  width INTEGER NOT NULL,         -- octets of postings for each term
  terms BLOB NOT NULL,            -- x'ff', a term, x'ff', a term … x'ff'
  postings BLOB NOT NULL          -- for each term a bitmap of documents, or their numbers in two octets each
);
CREATE UNIQUE INDEX index_blocks_in_order ON index_blocks(segment_id, field, part, place);
"""

_SIXTH = """
CREATE TABLE feed(
  modseq INTEGER PRIMARY KEY,     -- the account's after a change
  before INTEGER NOT NULL,        -- and before it
  data BLOB NOT NULL              -- what it did, for other processes (see feed.py); empty: too much to say
);
"""

# version reached: what takes the version before it there
MIGRATIONS: dict[int, str] = {1: _FIRST, 2: _SECOND, 3: _DOTLESS + _THIRD, 4: _FOURTH, 5: _FIFTH, 6: _SIXTH}
# and what SQL alone cannot do of it, in the same transaction
FILLINGS: dict[int, Callable[[apsw.Connection], None]] = {2: sorting.fill}
VERSION = max(MIGRATIONS)


def migrate(db: apsw.Connection, *, new: bool = False) -> None:
    """Bring a file to the present schema, in one transaction a version. `new`: the file may be empty."""
    version = int(db.pragma("user_version"))
    if version == VERSION:
        if int(db.pragma("application_id")) != APPLICATION_ID:
            raise StoreFailure(f"{db.filename} is not a mail store")
        return
    if version > VERSION:
        raise StoreFailure(f"{db.filename} has version {version}; this program knows {VERSION}")
    if version == 0 and not new:
        raise StoreFailure(f"{db.filename} is empty or not a mail store")
    while version < VERSION:
        with alone(db):
            version = int(db.pragma("user_version"))  # another process may have been quicker
            if version < VERSION:
                version += 1
                db.execute(MIGRATIONS[version])
                if version in FILLINGS:
                    FILLINGS[version](db)
                db.pragma("application_id", APPLICATION_ID)
                db.pragma("user_version", version)
