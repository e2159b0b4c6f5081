"""IMAPClient's own live test suite, which is inside its wheel."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interop.server import PASSWORD, ROOT, Server

pytestmark = pytest.mark.interop
PACKAGES = ROOT / "build" / "python"


def test_the_live_suite_has_no_failure(server: Server, tmp_path: Path) -> None:
    if not (PACKAGES / "imapclient").exists():
        pytest.skip("IMAPClient is not installed; `make interop` installs it")
    user = "live@example.test"
    server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
    ini = tmp_path / "live.ini"
    ini.write_text(
        f"[DEFAULT]\nhost = 127.0.0.1\nport = {server.ports['imaps']}\nusername = {user}\npassword = {PASSWORD}\n"
        "ssl = true\nssl_check_hostname = false\nssl_verify_cert = false\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "imapclient.livetest", str(ini), "-v"],
        env={"PYTHONPATH": str(PACKAGES), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    report = done.stderr
    assert done.returncode == 0, report[-6000:]
    ran = re.search(r"Ran (\d+) tests", report)
    assert ran is not None, report
    assert int(ran[1]) >= 60, report
    # Gmail's and old extensions that no other server has are all that may be left out.
    skipped = set(re.findall(r"skipped [\"'](.*?)[\"']$", report, re.MULTILINE))
    allowed = ("XLIST", "labels", "Gmail", "NTLM", "not configured", "Gmail search", "connection")
    assert not {reason for reason in skipped if not any(word in reason for word in allowed)}, skipped
