"""`postroom dkim`."""

from pathlib import Path

import dns.rdata
import dns.zone
import pytest
from tests.cli.room import Room

from postroom.base import FakeClock
from postroom.dns import Answer, DnsTemporary
from postroom.mailauth.dkim import read_key
from postroom.signing import KeyFolder, KeyKeeper, SigningSettings


class Zone:
    """In place of the DNS."""

    records: dict[str, tuple[bytes, ...]] = {}  # noqa: RUF012 - the resolver is made anew for each question
    failing = False

    def __init__(self, settings: object, clock: object) -> None:
        pass

    async def txt(self, name: str) -> Answer[bytes]:
        if Zone.failing:
            raise DnsTemporary("timed out")
        return Answer(Zone.records.get(name, ()))

    async def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> type[Zone]:
    monkeypatch.setattr("postroom.dns.DnsResolver", Zone)
    monkeypatch.setattr(Zone, "records", {})
    monkeypatch.setattr(Zone, "failing", False)
    return Zone


def publish(room: Room) -> None:
    for one in room.json("dkim", "records", "example.org"):
        text = one["value"].replace('" "', "").strip('"')
        Zone.records[one["name"].removesuffix(".")] = (text.encode(),)


def states(room: Room) -> list[str]:
    return [one["state"] for one in room.json("dkim", "list", "example.org")]


def test_a_new_domain_has_keys_that_sign_and_shows_their_records(room: Room) -> None:
    shown = room.ok("domain", "add", "other.example")
    assert shown.count("_domainkey.other.example.") == 2
    assert states(room) == ["signing"]
    (row,) = room.json("dkim", "list", "other.example")
    assert [selector.rpartition("-")[2] for selector in row["selectors"]] == ["rsa", "ed25519"]
    assert row["next"] == ""
    listed = room.ok("dkim", "list")
    assert "example.org" in listed
    assert "other.example" in listed
    records = room.json("dkim", "records", "example.org")
    assert {one["type"] for one in records} == {"TXT"}
    assert [one for one in room.json("dns", "example.org") if "_domainkey" in one["name"]] == records


def test_records_are_lines_of_a_zone_file(room: Room) -> None:
    lines = room.ok("dkim", "records", "example.org")
    soa = "@ IN SOA mail.example.org. postmaster.example.org. 1 1 1 1 1\n@ IN NS mail.example.org.\n"
    zone = dns.zone.from_text("$TTL 60\n" + soa + lines, "example.org.")
    found = {
        str(name): b"".join(getattr(rdata, "strings", ()))
        for name, _, rdata in zone.iterate_rdatas("TXT")
        if "_domainkey" in str(name)
    }
    assert sorted(read_key(text).algorithm for text in found.values()) == ["ed25519", "rsa"]


def test_a_rotation_waits_for_its_records(room: Room) -> None:
    said = room.ok("dkim", "rotate", "example.org")
    assert "wait for their records in the DNS" in said
    assert said.count("_domainkey.example.org.") >= 2
    assert states(room) == ["waiting", "signing"]
    assert "publish" in room.ok("dkim", "list")
    assert "dkim rotate" not in room.fails(3, "dkim", "rotate", "elsewhere.example")
    Zone.failing = True
    assert "can't be asked now" in room.ok("dkim", "rotate", "example.org")
    Zone.failing = False
    publish(room)
    answer = room.json("dkim", "rotate", "example.org")
    assert "sign from" in answer["state"]
    assert len(answer["records"]) == 2
    assert "sign from" in room.ok("dkim", "rotate", "example.org")
    assert room.json("dkim", "list")[0]["use_from"]


def test_a_rotation_at_a_stated_moment_and_at_once(room: Room) -> None:
    assert "sign from" in room.ok("dkim", "rotate", "example.org", "--after", "2d")
    assert states(room) == ["waiting", "signing"]
    assert "sign." in room.ok("dkim", "rotate", "example.org", "--now")  # the same keys, sooner
    assert states(room) == ["signing", "replaced"]
    assert "not like" in room.fails(2, "dkim", "rotate", "example.org", "--after", "soon")
    assert "both" in room.fails(2, "dkim", "rotate", "example.org", "--after", "2d", "--now")


def test_old_keys_are_revoked_and_forgotten(room: Room) -> None:
    assert "Nothing is due" in room.ok("dkim", "retire", "example.org")
    room.ok("dkim", "rotate", "example.org", "--now")
    assert "retire example.org after" in room.ok("dkim", "list")
    assert "Nothing is due" in room.ok("dkim", "retire", "example.org")
    answer = room.json("dkim", "retire", "example.org", "--now")
    assert len(answer["revoked"]) == 1
    assert all(one["value"].endswith('p="') for one in answer["records"])
    assert states(room) == ["signing", "revoked"]
    assert len(list((room.data / "dkim").glob("*.pem"))) == 2
    room.config.write_text(room.config.read_text() + "[signing]\nrevoked_seconds = 0\n")
    assert "Forgotten" in room.ok("dkim", "retire", "example.org")
    assert states(room) == ["signing"]
    assert "no keys" in room.fails(3, "dkim", "retire", "elsewhere.example")
    assert "no keys" in room.fails(3, "dkim", "records", "elsewhere.example")


def test_keys_go_with_their_domain(room: Room) -> None:
    shown = room.ok("domain", "remove", "example.org")
    assert shown.count("_domainkey.example.org.") == 2
    assert list((room.data / "dkim").glob("*.pem")) == []
    assert "There are no keys" in room.run("dkim", "list").output


def test_a_domain_from_before_gets_its_first_keys_by_rotate(room: Room) -> None:
    KeyKeeper(KeyFolder(room.data), SigningSettings(), FakeClock()).forget("example.org")
    assert "no DKIM record" in room.run("dns", "example.org").stderr
    assert "sign." in room.ok("dkim", "rotate", "example.org")
    assert states(room) == ["signing"]


def test_the_server_itself_may_have_keys_for_its_reports(room: Room) -> None:
    assert "_domainkey.mail.example.org." in room.ok("dkim", "rotate", "mail.example.org")


def test_no_secret_is_shown(room: Room) -> None:
    room.ok("dkim", "rotate", "example.org", "--now")
    secrets = [
        line
        for path in (room.data / "dkim").glob("*.pem")
        for line in path.read_text().splitlines()
        if not line.startswith("-----")
    ]
    assert len(secrets) > 4
    commands = (("list",), ("records", "example.org"), ("rotate", "example.org"), ("retire", "example.org", "--now"))
    for command in commands:
        for more in ((), ("--json",)):
            shown = room.run("dkim", *command, *more).output
            assert not [line for line in secrets if line in shown], command


def test_keys_that_can_not_be_read(room: Room, tmp_path: Path) -> None:
    (room.data / "dkim" / "keys.json").write_text("{")
    assert "keys.json" in room.fails(1, "dkim", "list")
