"""The phone: reconnect, find the new message, read it, mark it, wait; the other device sees it all."""

import re
import ssl
from pathlib import Path

from postroom.net import client_context

from .room import MESSAGE, both_stores, open_room, run
from .test_service import server_context


@both_stores
def test_the_ten_steps_over_tls(tmp_path: Path, kind: str) -> None:
    context: ssl.SSLContext = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, kind, implicit_tls=context, plaintext_sign_in_on_loopback=False) as room:
            tls = client_context(verify=False)
            for _ in range(4):
                await room.deliver(flags=frozenset(("\\Seen",)))
            laptop = await room.connect(tls)
            await laptop.ok("LOGIN alice@x.example alice-secret")
            await laptop.ok("SELECT INBOX")
            await laptop.ok("UNSELECT")
            new = await room.deliver()
            # 1-3: connection, handshake, greeting
            phone = await room.connect(tls)
            assert phone.greeting.startswith(b"* OK ")
            # 4, 5: sign in, select
            assert (await phone.command("LOGIN alice@x.example alice-secret")).ok
            opening = await phone.ok("SELECT INBOX")
            assert b"* 5 EXISTS" in opening
            assert b"* 1 RECENT" in opening
            # 6, 7: which messages are there, and which of them is new?
            flags = await phone.ok("UID FETCH 1:* (FLAGS)")
            recent = [line for line in flags if b"\\Recent" in line]
            assert len(flags) == 5
            assert recent == [b"* 5 FETCH (UID %d FLAGS (\\Recent))" % new]
            # 8: its header, without marking it read
            header = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            [line] = await phone.ok(f"UID FETCH {new} (BODY.PEEK[HEADER])")
            assert line == b"* 5 FETCH (UID %d BODY[HEADER] {%d}\r\n%b)" % (new, len(header), header)
            assert await phone.ok("SEARCH UNSEEN") == [b"* SEARCH 5"]
            # meanwhile the laptop waits
            await laptop.ok("SELECT INBOX")
            laptop.send(b"L IDLE\r\n")
            assert await laptop.response() == b"+ idling"
            # 10, 11: open it, mark it
            [line] = await phone.ok(f"UID FETCH {new} (BODY[TEXT])")
            assert re.search(rb"BODY\[TEXT\] \{\d+\}\r\nHello Joe", line)
            assert b"FLAGS (\\Seen \\Recent)" in line
            assert await phone.ok(f"UID STORE {new} +FLAGS (\\Seen)") == [
                b"* 5 FETCH (UID %d FLAGS (\\Seen \\Recent))" % new
            ]
            # 12: the laptop is told
            assert await laptop.response() == b"* 5 FETCH (UID %d FLAGS (\\Seen))" % new
            # 13: the phone waits, and hears of new mail
            phone.send(b"P IDLE\r\n")
            assert await phone.response() == b"+ idling"
            await room.deliver()
            for device in (phone, laptop):
                assert await device.response() == b"* 6 EXISTS"
            for device, name in ((phone, b"P"), (laptop, b"L")):
                device.send(b"DONE\r\n")
                reply = await device.finish(name)
                if b"FETCH" not in reply.untagged[0]:
                    assert b"RECENT" in reply.untagged[0]
                assert reply.tagged == b"OK IDLE terminated"

    run(play())
