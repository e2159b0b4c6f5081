-- The schema of version 1, as released. Never edit it: test_schema.py opens files that were made by it.

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
  deleted INTEGER NOT NULL,       -- messages with \Deleted
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
  flags INTEGER NOT NULL,         -- 1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft, then keywords
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
