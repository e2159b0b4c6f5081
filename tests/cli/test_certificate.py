"""`postroom certificate`."""

import time
from pathlib import Path
from typing import Any

import pytest
from tests.acme.fake_authority import DIRECTORY, FakeAuthority
from tests.acme.test_kept import pair
from tests.cli.room import Room
from tests.mailauth.authority import issue

from postroom.acme import Answers, Kept, State


@pytest.fixture
def authority(room: Room, monkeypatch: pytest.MonkeyPatch) -> FakeAuthority:
    """In place of the one in the settings; it looks for the answers where a running server would serve them."""
    text = room.config.read_text()
    acme = f'\n[acme]\ndirectory = "{DIRECTORY}"\nterms_agreed = true\npoll_seconds = 0.01\n'
    room.config.write_text(text + acme)
    answers = Answers(folder(room) / "acme")
    fake = FakeAuthority(time.time, lambda kind, name, token, _: answers.http(token) is not None)
    monkeypatch.setattr("postroom.acme.service.https_web", lambda *_: fake)
    return fake


def folder(room: Room) -> Path:
    from postroom.config import load

    return load(room.config).data / "tls"


def rows(room: Room) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in room.json("certificate", "list")}


def test_without_an_authority_there_is_nothing_to_order(room: Room) -> None:
    assert "acme.directory is not set" in room.fails(1, "certificate", "order", "hostname")
    assert room.json("certificate", "list") == []
    assert "self-signed" in room.fails(0, "certificate", "list")


def test_orders_renewals_and_keys(room: Room, authority: FakeAuthority) -> None:
    assert "hostname is there, for mail.example.org" in room.ok("certificate", "order", "hostname")
    kept = Kept(folder(room))
    key = kept.key("hostname")
    first = room.ok("dns", "example.org")
    room.ok("certificate", "renew")
    assert kept.key("hostname") == key
    assert len(authority.issued) == 2
    assert room.ok("dns", "example.org") == first
    record = room.ok("certificate", "next-key").strip()
    assert record not in first
    assert room.ok("certificate", "next-key").strip() == record
    room.ok("certificate", "renew")
    assert record.split()[-1] in room.ok("dns", "example.org")
    changed = kept.key("hostname")
    room.ok("certificate", "renew", "--new-key")
    assert kept.key("hostname") not in (changed, None)
    room.ok("certificate", "order", "web", "WWW.example.org", "example.org")
    room.ok("certificate", "renew", "web")
    assert rows(room)["web"]["hosts"] == ["www.example.org", "example.org"]
    assert rows(room)["web"]["days"] == 89
    assert "www.example.org" in room.ok("certificate", "list")


def test_what_can_not_be_had_is_told_and_remembered(room: Room, authority: FakeAuthority) -> None:
    authority.looks = lambda *_: False
    assert "http-01 failed" in room.fails(1, "certificate", "order", "hostname")
    assert "http-01 failed" in rows(room)["hostname"]["trouble"]
    assert "want no certificate other" in room.fails(3, "certificate", "renew", "other")
    assert "can't be the name" in room.fails(1, "certificate", "order", "../x", "a.test")
    with Kept(folder(room)).alone():
        assert "orders just now" in room.fails(1, "certificate", "order", "hostname")


def test_one_that_is_brought_along_is_shown_and_keeps_its_key_when_it_is_renewed(
    room: Room, authority: FakeAuthority, tmp_path: Path
) -> None:
    key, _ = pair(tmp_path, issue("mail.example.org", now=time.time()))
    chain, path = str(tmp_path / "chain.pem"), str(tmp_path / "key.pem")
    assert "hostname is for mail.example.org" in room.ok("certificate", "import", "hostname", chain, path)
    assert rows(room)["hostname"]["origin"] == "import"
    room.ok("certificate", "renew")
    assert rows(room)["hostname"]["origin"] == DIRECTORY
    assert Kept(folder(room)).key("hostname") == key.strip()
    assert "can't be used" in room.fails(2, "certificate", "import", "x", chain, chain)


def test_those_of_the_settings_are_listed_too(room: Room, tmp_path: Path) -> None:
    chain, key = issue("mail.example.org", now=time.time()).write(tmp_path)
    text = room.config.read_text()
    more = f'\n[tls]\ncertificate = "{chain}"\nkey = "{key}"\ncertificates = {{net = {{certificate = "/none"}}}}\n'
    room.config.write_text(text + more)
    kept = Kept(folder(room))
    kept.put_state("broken", State())
    kept.path("broken").write_text("no certificate")
    found = rows(room)
    assert found["tls.certificate"]["hosts"] == ["mail.example.org"]
    assert "No such file" in found["tls.certificates.net"]["trouble"]
    assert "certificate.pem" in found["broken"]["trouble"]
