"""What an account's mailboxes show."""

import asyncio
from pathlib import Path

from tests.training.room import Room

from postroom.training.looking import in_use, junk_of, kept, newly_in, still_elsewhere


def test_mailboxes_are_read_as_they_are(tmp_path: Path) -> None:
    async def main() -> None:
        room = Room(tmp_path)
        account = await room.open()
        uids = [await room.add(account, "Junk", f"pills {number}") for number in range(4)]
        boxes = await account.mailboxes()
        junk = junk_of(boxes)
        assert junk is not None
        assert junk.name == "Junk"
        assert junk_of([box for box in boxes if box.name == "INBOX"]) is None
        found = await newly_in(account, junk, uids[1], {uids[0]})
        assert [uid for uid, _ in found.new] == [uids[0], uids[2], uids[3]]
        assert (len(found.contents), found.last_uid) == (4, uids[3])
        await account.move(junk.mailbox_id, [uids[0]], "INBOX")
        await account.move(junk.mailbox_id, [uids[1]], "Trash")
        boxes = await account.mailboxes()
        contents = sorted(found.contents)
        assert await still_elsewhere(account, boxes, contents, [], 0) == contents[:1]
        newest = max(box.highest_modseq for box in boxes)
        assert await still_elsewhere(account, boxes, contents, [], newest) == []
        assert await still_elsewhere(account, boxes, contents, contents, newest) == contents[:1]
        assert {box.name for box in boxes if in_use(box)} >= {"INBOX"}
        assert not [box for box in boxes if in_use(box) and box.special_use in ("\\Junk", "\\Trash", "\\Sent")]
        inbox = next(box for box in boxes if box.name == "INBOX")
        assert await kept(account, inbox, 0, 1 << 40) == [], "nobody has read it"
        account.close()
        await room.close()

    asyncio.run(main())
