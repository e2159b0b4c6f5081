"""dns-01 by RFC 2136 with TSIG at a real primary name server, BIND, which pebble then asks."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.interop.acme_authority import authority, free_ports
from tests.interop.server import stop_server, wait_for_port
from tests.interop.test_acme import by_pebble, started, until

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0IGZvciB1cGRhdGVz"
NAMED = shutil.which("named", path="/usr/sbin:/usr/bin")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not shutil.which("pebble"), reason="Debian's pebble is not installed"),
    pytest.mark.skipif(NAMED is None, reason="Debian's bind9 is not installed"),
]

CONFIG = """
options {{
    directory "{folder}"; pid-file none; session-keyfile "{folder}/session.key";
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; allow-transfer {{ none; }}; empty-zones-enable no; dnssec-validation no;
}};
controls {{ }};
key "acme" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "test" {{
    type primary; file "test.zone";
    update-policy {{
        grant acme name _acme-challenge.mail.example.test TXT;
        grant acme name _acme-challenge.wild.test TXT;
    }};
}};
"""
ZONE = """$TTL 5
@ IN SOA ns.test. hostmaster.test. 1 3600 600 86400 5
@ IN NS ns.test.
ns IN A 127.0.0.1
acme IN A 127.0.0.1
mail.example IN A 127.0.0.1
"""


def test_names_are_proved_by_dns_updates(tmp_path: Path) -> None:
    """For a name and for a wildcard with the name below it, which have two texts at one place."""
    folder = tmp_path / "named"
    folder.mkdir()
    folder.chmod(0o777)
    [port] = free_ports(1)
    (folder / "named.conf").write_text(CONFIG.format(folder=folder, port=port, secret=SECRET))
    (folder / "test.zone").write_text(ZONE)
    (tmp_path / "secret").write_text(SECRET + "\n")
    log = folder / "log"
    with log.open("wb") as file:
        named = subprocess.Popen([str(NAMED), "-g", "-c", str(folder / "named.conf")], stdout=file, stderr=file)
    try:
        wait_for_port(port, named, log)
        with authority(tmp_path / "ca", dns=port) as ca:
            server = started(
                tmp_path / "s",
                ca,
                challenge="dns-01",
                dns_server=f"127.0.0.1:{port}",
                dns_key_name="acme",
                dns_key_file=str(tmp_path / "secret"),
                dns_wait_seconds=0,
                domain_hosts=[],
                names={"wild": ["*.wild.test", "wild.test"]},
            )
            try:
                until(lambda: by_pebble(server.ports["imaps"], "mail.example.test"), server)
                until(lambda: by_pebble(server.ports["imaps"], "any.wild.test"), server)
                assert "_acme-challenge" in log.read_text()  # it logs each update
                assert SECRET not in (server.folder / "server.log").read_text()
            finally:
                stop_server(server)
    finally:
        named.terminate()
        named.wait(timeout=20)
