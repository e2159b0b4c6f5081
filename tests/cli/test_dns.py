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


def test_what_the_settings_say(room: Room) -> None:
    _set(room, '[listen]\nimaps = ["0.0.0.0:1993"]\npolicy_host = ["0.0.0.0:8443"]\n')
    _set(
        room,
        '[delivery]\nsource_ipv4 = "192.41.0.9"\n[delivery.relay.x]\nhosts = ["x.test"]\nsource_ipv4 = "10.0.0.1"\n',
    )
    _set(room, '[zone]\naddresses = ["198.41.0.4"]\ncertificate_authorities = []\ndmarc_reports_to = "d@example.org"\n')
    found = {(one["name"], one["type"]): one["value"] for one in room.json("dns", "example.org")}
    assert found["mail.example.org.", "A"] == "198.41.0.4"
    assert ("mail.example.org.", "AAAA") not in found
    assert ("mail.example.org.", "CAA") not in found
    assert found["example.org.", "TXT"] == '"v=spf1 mx ip4:192.41.0.9 -all"'
    assert found["_dmarc.example.org.", "TXT"] == '"v=DMARC1; p=quarantine; rua=mailto:d@example.org"'
    assert found["_imaps._tcp.example.org.", "SRV"] == "0 1 1993 mail.example.org."
    assert found["_autodiscover._tcp.example.org.", "SRV"] == "0 1 8443 mail.example.org."
    assert "autoconfig.example.net." in room.ok("domain", "add", "example.net")


def test_what_cannot_be(room: Room, tmp_path: Path) -> None:
    assert "not a domain" in room.fails(1, "dns", "a..b")
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    _set(room, f'[tls]\ncertificate = "{junk}"\n')
    assert "can't be read" in room.fails(1, "dns", "example.org")
