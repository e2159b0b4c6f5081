"""NeoMutt on a terminal: a header cache that it brings up to date by QRESYNC, many STATUS at once, IDLE."""

from pathlib import Path

import pytest
from tests.interop.clients import Screen, need
from tests.interop.server import PASSWORD, Server
from tests.interop.test_python_clients import imaps

pytestmark = pytest.mark.interop


def test_neomutt_comes_back_to_what_it_remembers(server: Server, tmp_path: Path) -> None:
    program, user = need("neomutt"), "neomutt@example.test"
    server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
    far = f"imaps://localhost:{server.ports['imaps']}"
    (tmp_path / "cache").mkdir()
    (tmp_path / "rc").write_text(
        f'set imap_user="{user}" imap_pass="{PASSWORD}" folder="{far}" spool_file="{far}/INBOX" from="{user}"\n'
        f'set certificate_file="{server.folder}/data/tls/self-signed.crt" record="" header_cache="{tmp_path}/cache"\n'
        "set imap_qresync imap_condstore imap_idle imap_pipeline_depth=15 mail_check=1 timeout=1 sleep_time=0\n"
        "set delete=yes quit=yes wait_key=no sort=mailbox-order\n"
        'mailboxes "=INBOX" "=Archive" "=Drafts" "=Sent" "=Junk" "=Trash"\n'
        'set index_format="%Z %s" status_format="%m there, %F flagged"\n'
    )
    command = [program, "-n", "-F", str(tmp_path / "rc")]
    with imaps(server, user) as client:

        def append(subject: str) -> None:
            octets = f"From: a@x.test\r\nSubject: {subject}\r\n\r\nBody of {subject}\r\n".encode()
            client.append("INBOX", "", None, octets)

        for number in range(1, 31):
            append(f"first {number:02}")
        with Screen(tmp_path).running(command) as screen:
            assert screen.shows("first 30"), screen.text()
            screen.type("1", "Enter", "Enter")
            assert screen.shows("Body of first 01"), screen.text()
            screen.type("i", "d", "F")  # back; the first goes, the second is marked
            append("while it waits")
            assert screen.shows("while it waits"), screen.text()
            screen.type("q")
            assert screen.ends(), screen.text()
        client.select("INBOX")
        assert client.search(None, "ALL")[1][0].split()[-1] == b"30"
        assert client.search(None, "FLAGGED", "SUBJECT", '"first 02"')[1] == [b"1"]
        client.store("5", "+FLAGS", "(\\Deleted)")
        client.expunge()
        append("while it was away")
        with Screen(tmp_path).running(command) as screen:
            assert screen.shows("while it was away"), screen.text()
            assert "30 there, 1 flagged" in screen.text()
            assert "first 06" not in screen.text()
            assert "first 07" in screen.text()
            screen.type("x")
            assert screen.ends(), screen.text()
