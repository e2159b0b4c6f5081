"""Python's own client, in its own thread."""

import asyncio
import imaplib
import ssl
from pathlib import Path

from postroom.net import client_context

from .room import MESSAGE, both_stores, open_room, run
from .test_service import server_context


def use(port: int, tls: ssl.SSLContext) -> None:
    with imaplib.IMAP4("127.0.0.1", port, timeout=20) as client:
        assert "STARTTLS" in client.capabilities
        assert client.starttls(tls)[0] == "OK"
        assert client.login("alice@x.example", "alice-secret")[0] == "OK"
        assert client.create("Work/2026")[0] == "OK"
        assert client.list('""', "Work%")[0] == "OK"
        assert client.append("Work/2026", "(\\Flagged)", '"17-Jul-1996 02:44:25 -0700"', MESSAGE)[0] == "OK"
        assert client.select("Work/2026") == ("OK", [b"1"])
        status, data = client.fetch("1", "(UID FLAGS RFC822)")
        assert status == "OK"
        assert isinstance(data[0], tuple)
        assert data[0][1] == MESSAGE
        assert client.search(None, "FLAGGED", "SUBJECT", '"meeting"') == ("OK", [b"1"])
        assert client.store("1", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert client.copy("1", "INBOX")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.uid("SEARCH", "ALL") == ("OK", [b""])
        assert client.close()[0] == "OK"
        assert client.status("INBOX", "(MESSAGES UNSEEN)") == ("OK", [b"INBOX (MESSAGES 1 UNSEEN 0)"])
        assert client.rename("Work/2026", "Work/2027")[0] == "OK"
        assert client.delete("Work/2027")[0] == "OK"
        assert client.namespace() == ("OK", [b'(("" "/")) (("#user/" "/")) NIL'])


@both_stores
def test_imaplib(tmp_path: Path, kind: str) -> None:
    context = server_context(tmp_path / "tls")

    async def play() -> None:
        async with open_room(tmp_path, kind, tls_context=lambda: context, plaintext_sign_in_on_loopback=False) as room:
            await asyncio.to_thread(use, room.port, client_context(verify=False))

    run(play())
