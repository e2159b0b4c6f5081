from pathlib import Path

import pytest
from tests.store.sqlite.stage import LARGE, Room, indexed, perform

from postroom.store import StoreSettings

SETTINGS = StoreSettings(
    inline_limit_octets=2000, threads=2, index_tail_messages=1, index_segment_messages=40, index_quiet_seconds=0
)
DAMAGE = {
    "UPDATE mailboxes SET unseen = 7 WHERE id = 1": "counts",
    "UPDATE account SET octets = 1": "account counts",
    "DELETE FROM contents WHERE id = 1": "without content",
    "DELETE FROM messages WHERE uid = 1": "nothing names",
    "DELETE FROM shared_contents": "wrong count",
    "DELETE FROM bodies WHERE content_id = 1": "without octets",
    "DELETE FROM search_text WHERE content_id = 1": "without search text",
    "UPDATE bodies SET data = x'00' WHERE content_id = 1": "wrong length",
    "UPDATE contents SET blob = 'other' WHERE blob IS NOT NULL": "belongs to nothing",
    "UPDATE mailboxes SET uid_next = 2 WHERE id = 1": "uids to come",
    "UPDATE messages SET modseq = 99": "after the account's last",
    "UPDATE mailboxes SET highest_modseq = 1": "their mailbox's last",
    "UPDATE mailboxes SET purged_modseq = 99": "forgot more",
    "INSERT INTO annotations VALUES (99, 0, '/shared/x', x'')": "annotations of no mailbox",
    "INSERT INTO acl VALUES (99, 'bob', 'l')": "rights in no mailbox",
    "DELETE FROM index_segments WHERE first = 1": "no piece of the search index",
    "UPDATE index_segments SET texts = 9": "search index with a wrong count",
    "UPDATE index_segments SET first = 2": "leave a gap",
    "UPDATE index_segments SET documents = 9": "not there yet",
    "DELETE FROM index_blocks WHERE field = 4": "is not found by subject",
    "PRAGMA user_version = 1": "tables of version 1",
    "INSERT INTO expunged SELECT 1, 1, 2, 0, 1, 1, 1, 1": "expunged as well",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(tmp_path: Path, damage: str) -> None:
    async def play(room: Room) -> None:
        await room.put()
        await room.put(LARGE)
        await room.account.copy(1, [2], "Archive")
        await indexed(room)
        assert await room.store.check(1) == []
        db = room.files.connect_writer()
        db.execute(damage)
        found = await room.store.check(1)
        assert any(DAMAGE[damage] in line for line in found), found
        db.close()

    perform(tmp_path, play, SETTINGS, whole=False)
