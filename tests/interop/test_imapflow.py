"""imapflow (npm), the client library of EmailEngine: QRESYNC, COMPRESS and IDLE as it does them."""

import json
import shutil

import pytest
from tests.interop.clients import need, run
from tests.interop.server import PASSWORD, ROOT, Server

pytestmark = pytest.mark.interop
NPM = ROOT / "build" / "npm"


def test_imapflow(server: Server) -> None:
    if not (NPM / "node_modules" / "imapflow").exists():
        pytest.skip("npm's imapflow is not installed; `make interop` installs it")
    version = run([need("node"), "--version"]).strip()
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        pytest.skip(f"imapflow wants Node 20; this is {version}")
    user = "flow@example.test"
    server.cli("account", "add", user, "--password-stdin", stdin=PASSWORD)
    shutil.copy(ROOT / "tests" / "interop" / "imapflow.mjs", NPM / "imapflow.mjs")  # where its imports are found
    output = run([need("node"), str(NPM / "imapflow.mjs"), str(server.ports["imaps"]), user, PASSWORD], timeout=60)
    seen = json.loads(output.splitlines()[0])
    assert {"QRESYNC", "CONDSTORE"} <= set(seen["enabled"])
    assert seen["compressed"]
    assert seen["exists"] == 6
    assert seen["found"] == [3]
    subjects = [[uid, f"flow {uid}", ["\\Seen"] if uid % 2 else [], True] for uid in range(1, 7)]
    assert [
        [uid, subject, [f for f in flags if f != "\\Recent"], known] for uid, subject, flags, known in seen["subjects"]
    ] == subjects
    assert seen["source"].endswith("Body 2\r\n")
    assert "Body" in seen["download"]
    assert ["exists", 7] in seen["idle"]
    assert seen["resynced"] is True
    assert ["flags", 4, False] in seen["events"]
    # imapflow takes no modseq from a VANISHED, so what it heard last, the expunge of 2, is told once more.
    expunged = {uid for name, uid, vanished in seen["events"] if name == "expunge" and vanished}
    assert {5, 6} <= expunged <= {2, 5, 6}
    assert seen["status"]["messages"] == 4
    assert ["Archive", "\\Archive", 4] in seen["list"]
    assert seen["created"]
