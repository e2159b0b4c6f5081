"""`postroom dns`."""

from pathlib import Path

from tests.cli.room import Room
from tests.mailauth.authority import issue

from postroom.mailauth import tlsa_for
from postroom.mailauth.mta_sts import record_id


def _set(room: Room, lines: str) -> None:
    room.config.write_text(room.config.read_text() + lines)


def test_without_a_certificate(room: Room) -> None:
    result = room.run("dns", "example.org")
    assert "example.org." in result.stdout
    assert "TLSA" not in result.stdout
    assert "there is no certificate" in result.stderr


def test_all_of_it(room: Room, tmp_path: Path) -> None:
    certificate = issue("mail.example.org", issue("Root", ca=True))
    chain, key = certificate.write(tmp_path / "tls")
    _set(room, f'[tls]\ncertificate = "{chain}"\nkey = "{key}"\n')
    _set(room, '[listen]\npolicy_host = ["127.0.0.1:0"]\n[tls_reports]\nread_from = "tls@example.org"\n')
    found = {(one["name"], one["type"]): one["value"] for one in room.json("dns", "Example.ORG")}
    assert found["_25._tcp.mail.example.org.", "TLSA"] == str(tlsa_for(certificate.certificate))
    assert found["_smtp._tls.example.org.", "TXT"] == '"v=TLSRPTv1; rua=mailto:tls@example.org"'
    before = record_id([found["_mta-sts.example.org.", "TXT"].strip('"').encode()])
    assert before
    _set(room, '[mta_sts]\nmode = "enforce"\n')
    found = {(one["name"], one["type"]): one["value"] for one in room.json("dns", "example.org")}
    assert before not in found["_mta-sts.example.org.", "TXT"]
    assert "TLSA" in room.ok("dns", "example.org")


def test_what_cannot_be(room: Room, tmp_path: Path) -> None:
    assert "not a domain" in room.fails(1, "dns", "a..b")
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    _set(room, f'[tls]\ncertificate = "{junk}"\n')
    assert "can't be read" in room.fails(1, "dns", "example.org")
