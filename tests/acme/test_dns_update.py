"""Updates of a zone, against a name server of the test's own that checks the TSIG."""

import socket
import struct
import threading
from collections.abc import Iterator

import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from postroom.acme.dns_update import DnsUpdate, UpdateFailed

SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0IGZvciB1cGRhdGVz"
RING = dns.tsigkeyring.from_text({"acme": SECRET})
ZONE = dns.name.from_text("example.test")


class Primary:
    """Has the zone example.test; takes updates signed with the key "acme"."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.zones: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client, client.makefile("rb") as file:
                (size,) = struct.unpack("!H", file.read(2))
                answer = self._answer(file.read(size))
                client.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, wire: bytes) -> bytes:
        try:
            message = dns.message.from_wire(wire, keyring=RING)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadSignature):
            refusal = dns.message.make_response(dns.message.from_wire(wire, keyring=False, ignore_trailing=True))
            refusal.set_rcode(dns.rcode.NOTAUTH)
            return refusal.to_wire()
        answer = dns.message.make_response(message)
        if message.opcode() == dns.opcode.UPDATE:
            if not message.had_tsig:
                answer.set_rcode(dns.rcode.REFUSED)
                return answer.to_wire()
            assert isinstance(message, dns.update.UpdateMessage)
            self.zones.append(message.zone[0].name.to_text())
            self.changes += [one.to_text() for one in message.update]
        elif message.question[0].name == ZONE:
            answer.answer.append(
                dns.rrset.from_text(ZONE, 60, "IN", "SOA", "ns.example.test. h.example.test. 1 2 3 4 5")
            )
        return answer.to_wire()


@pytest.fixture
def primary() -> Iterator[Primary]:
    server = Primary()
    yield server
    server.socket.close()


def test_a_record_is_added_to_its_zone_and_removed_again(primary: Primary) -> None:
    update = DnsUpdate("127.0.0.1", primary.port, ("acme", SECRET, "hmac-sha256"))
    update.add("_acme-challenge.www.example.test", "some-text_1")
    update.remove("_acme-challenge.www.example.test", "some-text_1")
    assert primary.zones == ["example.test."] * 2
    added, removed = primary.changes
    assert added == '_acme-challenge.www.example.test. 60 IN TXT "some-text_1"'
    assert removed == '_acme-challenge.www.example.test. 0 NONE TXT "some-text_1"'


def test_a_server_that_does_not_know_us_refuses(primary: Primary) -> None:
    with pytest.raises(UpdateFailed, match=r"refuses to change _acme-challenge.*: REFUSED"):
        DnsUpdate("127.0.0.1", primary.port, None).add("_acme-challenge.example.test", "x")


def test_a_name_in_no_zone_of_that_server(primary: Primary) -> None:
    with pytest.raises(UpdateFailed, match=r"has no zone with _acme-challenge\.other\.test in it"):
        DnsUpdate("127.0.0.1", primary.port, None).add("_acme-challenge.other.test", "x")


def test_nobody_there_and_a_key_that_is_none(primary: Primary) -> None:
    primary.socket.close()
    with pytest.raises(UpdateFailed, match=r"the name server 127\.0\.0\.1 port"):
        DnsUpdate("127.0.0.1", primary.port, None).add("_acme-challenge.example.test", "x")
    with pytest.raises(UpdateFailed, match="is not base64") as caught:
        DnsUpdate("127.0.0.1", 53, ("acme", "sésame", "hmac-sha256"))
    assert "same" not in str(caught.value)
