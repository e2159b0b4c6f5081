"""`postroom dev` as a process: it greets, Ctrl-C stops it, the next start has the same people and mail."""

import imaplib
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.interop.server import POSTROOM, free_port_base


def _start(folder: Path, base: int, log: Path) -> "subprocess.Popen[bytes]":
    command = [*POSTROOM, "dev", "--no-walk", "--folder", str(folder), "--port-base", str(base)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    for _ in range(1500):
        if "Ctrl-C stops it" in log.read_text():
            return process
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(log.read_text())


def test_dev_stays_up_stops_on_ctrl_c_and_goes_on_with_its_data(tmp_path: Path) -> None:
    base, seen = free_port_base(), []
    for number in range(2):
        log = tmp_path / f"log{number}"
        process = _start(tmp_path / "dev", base, log)
        try:
            passwords = dict(re.findall(r"user (\S+)\s+password (\S+)", log.read_text()))
            seen.append(passwords)
            with imaplib.IMAP4("127.0.0.1", base + 143) as imap:
                imap.login("bob@postroom.test", passwords["bob@postroom.test"])
                for _ in range(200):
                    if imap.select("INBOX", readonly=True)[1] == [b"1"]:
                        break
                    time.sleep(0.02)
                assert imap.select("INBOX", readonly=True)[1] == [b"1"]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    assert seen[0] == seen[1]
    assert set(seen[0]) == {"alice@postroom.test", "bob@postroom.test"}
