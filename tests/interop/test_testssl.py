"""testssl.sh on every listener, with both profiles: nothing above LOW."""

import json
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.interop.acme_authority import free_ports
from tests.interop.server import start_server, stop_server
from tests.mailauth.authority import Issued, issue

HOST = "mail.example.test"
LISTENERS = {  # what is spoken before TLS; None: nothing
    "smtp": "smtp",
    "submission": "smtp",
    "submissions": None,
    "pop3": "pop3",
    "pop3s": None,
    "imap": "imap",
    "imaps": None,
    "policy_host": None,
}
GROUPS = ["--protocols", "--fs", "--server-preference", "--server-defaults"]
# All listeners greet by one piece of code; these stand for its ways (STARTTLS, TLS at once, `modern`, HTTPS).
# The attacks on the other four would take a minute more.
ATTACKED = ("smtp", "pop3s", "imaps", "policy_host")
HARMLESS = {"OK", "INFO", "LOW", "DEBUG", "WARN"}  # WARN: what could not be tested, below
# What this program can't test here: OpenSSL 3 has no engine for GOST; it takes an abbreviated handshake for a failure.
UNTESTED = {"engine_problem", "sessionresumption_ID", "scanProblem_openssl"}
AT_ONCE = 8  # it waits most of its time

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not shutil.which("testssl"), reason="Debian's testssl.sh is not installed"),
]


def certificate(folder: Path) -> tuple[Path, Path, Path]:
    """Of an authority of the test's own, as good as a public one's: chain, key, authority."""
    root = issue("Authority of the test", ca=True, now=time.time(), days=(-1, 90))
    place = x509.UniformResourceIdentifier("http://ca.example.test/crl")
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )
    leaf: Issued = issue(HOST, root, now=time.time(), days=(-1, 89), extensions=extensions)
    return *leaf.write(folder / "leaf", root=False), root.write(folder / "root")[0]


def findings(folder: Path, name: str, port: int, authority: Path) -> list[dict[str, str]]:
    """All that testssl.sh says of one listener."""
    found = folder / f"{port}.json"
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1"]
    command += ["--add-ca", str(authority), "--jsonfile", str(found), *GROUPS]
    command += ["--vulnerable"] if name in ATTACKED else []
    starttls = LISTENERS[name]
    command += ["--starttls", starttls] if starttls else []
    done = subprocess.run(
        [*command, f"{HOST}:{port}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
    )
    assert found.exists(), done.stdout + done.stderr
    rows: list[dict[str, str]] = json.loads(found.read_text())
    return rows


def test_no_listener_has_a_finding_above_low(tmp_path: Path) -> None:
    chain, key, authority = certificate(tmp_path)
    [web] = free_ports(1)

    def edit(text: str) -> str:
        text = text.replace("\n[tls]\n", f'\n[tls]\ncertificate = "{chain}"\nkey = "{key}"\n', 1)
        text = text.replace("\n[listen]\n", f'\n[listen]\npolicy_host = ["127.0.0.1:{web}"]\n', 1)
        return text + '\n[listener.pop3s]\ntls_profile = "modern"\n'

    server = start_server(tmp_path / "s", "example.test", ["alice@example.test"], edit)
    ports = {**server.ports, "policy_host": web}
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = {name: pool.submit(findings, tmp_path, name, ports[name], authority) for name in LISTENERS}
            told = {name: job.result() for name, job in jobs.items()}
    finally:
        stop_server(server)
    bad = {
        name: [f"{row['severity']} {row['id']}: {row['finding']}" for row in rows if not _is_harmless(row)]
        for name, rows in told.items()
    }
    assert not any(bad.values()), bad
    for name, rows in told.items():
        said = {row["id"]: row["finding"] for row in rows}
        assert said["TLS1_3"].startswith("offered"), name
        assert said["TLS1_2"].startswith("not offered" if name == "pop3s" else "offered"), name
        assert said["TLS1"].startswith("not offered"), name
        assert "passed" in said["cert_chain_of_trust"], name
        if name in ATTACKED:
            assert {"heartbleed", "CCS", "ROBOT", "secure_renego", "secure_client_renego", "LUCKY13"} <= said.keys()


def _is_harmless(row: dict[str, str]) -> bool:
    return row["severity"] in HARMLESS and (row["severity"] != "WARN" or row["id"] in UNTESTED)
