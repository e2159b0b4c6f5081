"""Is an account's data whole?

Owns: the questions of `postroom check` about one account. Never: changes or mends anything.
Raises: apsw.Error, OSError.
"""

import os

import apsw

from postroom.store.text_index.asking import ask
from postroom.store.text_index.tokens import Needle, split

from .files import AccountFiles
from .index_reading import FIELDS, FieldIndex, live_segments
from .query import fetch
from .schema import VERSION

# What each mailbox says of itself beside what its rows say
_COUNTERS = """
SELECT id, name, m.messages, m.unseen, m.deleted, m.octets, count(uid), coalesce(sum(NOT flags & 1), 0),
coalesce(sum(flags & 8 <> 0), 0), coalesce(sum(size), 0)
FROM mailboxes m LEFT JOIN messages_now ON mailbox_id = id WHERE deleted_at IS NULL GROUP BY id
"""
_NAMED = """
SELECT content_id, count(*) AS times FROM (
  SELECT content_id FROM messages UNION ALL SELECT content_id FROM expunged WHERE content_id IS NOT NULL
) GROUP BY content_id
"""
_QUESTIONS = {  # each finds rows that must not exist
    "messages without content": f"SELECT content_id FROM ({_NAMED}) WHERE content_id NOT IN (SELECT id FROM contents)",
    "contents that nothing names": f"SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM ({_NAMED}))",
    "contents with a wrong count of names": f"""
        SELECT content_id FROM ({_NAMED}) LEFT JOIN shared_contents USING (content_id)
        WHERE times <> 1 + coalesce(copies, 0)
    """,
    "contents without octets": """
        SELECT id FROM contents WHERE blob IS NULL AND id NOT IN (SELECT content_id FROM bodies)
    """,
    "octets without content": "SELECT content_id FROM bodies WHERE content_id NOT IN (SELECT id FROM contents)",
    "contents without search text": "SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM search_text)",
    "search text without content": """
        SELECT content_id FROM search_text WHERE content_id NOT IN (SELECT id FROM contents)
    """,
    "contents without sort keys": "SELECT id FROM contents WHERE id NOT IN (SELECT content_id FROM sort_keys)",
    "sort keys without content": "SELECT content_id FROM sort_keys WHERE content_id NOT IN (SELECT id FROM contents)",
    "sizes that are not those of the content": """
        SELECT uid FROM messages JOIN contents ON id = content_id WHERE messages.size <> contents.size
    """,
    "contents of the wrong length": """
        SELECT id FROM contents JOIN bodies ON content_id = id WHERE length(header) + length(data) <> size
    """,
    "messages of no mailbox": "SELECT uid FROM messages WHERE mailbox_id NOT IN (SELECT id FROM mailboxes)",
    "uids to come that are there": """
        SELECT uid FROM messages JOIN mailboxes ON id = mailbox_id WHERE uid >= uid_next
    """,
    "messages that are expunged as well": "SELECT uid FROM messages JOIN expunged USING (mailbox_id, uid)",
    "changes after the account's last": "SELECT uid FROM messages_now n, account WHERE n.modseq > account.modseq",
    "changes after their mailbox's last": """
        SELECT uid FROM mailboxes JOIN (
          SELECT mailbox_id, uid, modseq FROM messages_now UNION ALL SELECT mailbox_id, uid, modseq FROM expunged
        ) ON id = mailbox_id WHERE modseq > highest_modseq
    """,
    "changes of flags that overlap": """
        SELECT a.first_uid FROM flag_runs a JOIN flag_runs b USING (mailbox_id)
        WHERE a.first_uid < b.first_uid AND b.first_uid <= a.last_uid
    """,
    "mailboxes that forgot more than happened": "SELECT id FROM mailboxes WHERE purged_modseq > highest_modseq",
    "annotations of no mailbox": """
        SELECT entry FROM annotations WHERE mailbox_id <> 0 AND mailbox_id NOT IN (SELECT id FROM mailboxes)
    """,
    "rights in no mailbox": """
        SELECT identifier FROM acl WHERE mailbox_id NOT IN (SELECT id FROM mailboxes WHERE deleted_at IS NULL)
    """,
    "blocks of no piece of the search index": """
        SELECT rowid FROM index_blocks WHERE segment_id NOT IN (SELECT id FROM index_segments)
    """,
    "pieces of the search index that overlap or leave a gap": """
        SELECT first FROM (
          SELECT first, lag(first + documents, 1, 1) OVER (ORDER BY first) AS expected FROM index_segments
          WHERE state = 1
        ) WHERE first <> expected
    """,
    "pieces of the search index with a wrong count": """
        SELECT id FROM index_segments WHERE state = 1 AND texts <> (
          SELECT count(*) FROM sort_keys WHERE content_id >= first AND content_id < first + documents
        )
    """,
    "search index of what is not there yet": """
        SELECT index_segments.id FROM index_segments, account WHERE first + documents > content_next
    """,
    "contents after the account's last": "SELECT contents.id FROM contents, account WHERE contents.id >= content_next",
}
_LAST_TEXT = """
SELECT content_id, {0} FROM search_text WHERE content_id >= ? AND content_id < ? AND {0} <> ''
ORDER BY content_id DESC LIMIT 1
"""


def problems(db: apsw.Connection, files: AccountFiles) -> list[str]:
    """What is wrong, one line each; empty when all is well."""
    found = [f"SQLite: {line}" for (line,) in fetch(db, "PRAGMA quick_check") if line != "ok"]
    if found:
        return found
    version = int(db.pragma("user_version"))
    if version != VERSION:
        return [f"tables of version {version}: open the account with this program once, which brings it to {VERSION}"]
    for mailbox_id, name, *counters in fetch(db, _COUNTERS):
        if counters[:4] != counters[4:]:
            found.append(f"mailbox {mailbox_id} ({name}) counts {counters[:4]}, holds {counters[4:]}")
    totals = """
    SELECT octets, messages, (SELECT coalesce(sum(octets), 0) FROM mailboxes WHERE deleted_at IS NULL),
    (SELECT coalesce(sum(messages), 0) FROM mailboxes WHERE deleted_at IS NULL) FROM account
    """
    for octets, messages, octets_held, messages_held in fetch(db, totals):
        if (octets, messages) != (octets_held, messages_held):
            found.append(f"the account counts {(octets, messages)}, holds {(octets_held, messages_held)}")
    for question, sql in _QUESTIONS.items():
        if rows := fetch(db, f"{sql} LIMIT 5"):
            found.append(f"{question}: {', '.join(str(row[0]) for row in rows)}")
    return (found or _index(db)) + _files(db, files)


def _index(db: apsw.Connection) -> list[str]:
    """Does each piece of the search index find the last text it is of, by a word of that?"""
    found: list[str] = []
    for segment in live_segments(db):
        for field, column in enumerate(FIELDS):
            index = FieldIndex(db, segment, field)
            texts = fetch(db, _LAST_TEXT.format(column), (segment.first, segment.end))
            if not texts:
                continue
            content_id, text = texts[0]
            token = max(split(text)[0], key=len)
            document = 1 << content_id - segment.first
            answer = ask(index, Needle.of(token or text))
            if not document & (answer.hits | answer.unsure):
                found.append(f"content {content_id} is not found by {column} in the search index")
    return found


def _files(db: apsw.Connection, files: AccountFiles) -> list[str]:
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(files.blobs)}
    found: list[str] = []
    for content_id, blob, size in fetch(db, "SELECT id, blob, size - prefix_len FROM contents WHERE blob IS NOT NULL"):
        have = sizes.pop(blob, None)
        if have != size:
            found.append(f"content {content_id}: file {blob} has {have} octets instead of {size}")
    return found + [f"file {name} belongs to nothing" for name in sizes]
