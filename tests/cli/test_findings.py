"""What `postroom check` sees on a machine."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from postroom.accounts import AccountSettings
from postroom.cli import findings
from postroom.cli.findings import Finding, Verdict
from postroom.config import Config, ListenSettings, ProcessSettings
from postroom.delivery.settings import DeliverySettings, RelaySettings
from postroom.intake import AuthenticationSettings

NOW = 1_800_000_000.0
GOOD, NOTE, BAD = Verdict.GOOD, Verdict.NOTE, Verdict.BAD


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir(mode=0o700)
    return Config(hostname="mail.example.org", data=tmp_path / "data")


def _with(config: Config, **changes: Any) -> Config:
    return msgspec.structs.replace(config, **changes)


def only(found: Iterator[Finding]) -> Finding:
    [one] = list(found)
    assert (one.fix != "") or one.verdict is not BAD, "something bad needs a fix"
    return one


def test_the_settings_file(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "postroom.toml"
    path.touch(0o644)
    assert only(findings.settings_file(path, config)).verdict is GOOD
    secret = _with(config, delivery=DeliverySettings(smarthost_password="secret"))
    assert "chmod o-r" in only(findings.settings_file(path, secret)).fix
    path.chmod(0o666)
    assert "chmod o-w" in only(findings.settings_file(path, config)).fix


def test_passwords_of_relays(config: Config, tmp_path: Path) -> None:
    assert list(findings.relays(config)) == []
    path = tmp_path / "password"
    inside = RelaySettings(hosts=("x.test",), username="u", password="p")
    beside = RelaySettings(hosts=("x.test",), username="u", password_file=str(path))
    config = _with(config, delivery=DeliverySettings(relay={"a": inside, "b": beside}))
    settings = tmp_path / "postroom.toml"
    settings.touch(0o644)
    assert "chmod o-r" in only(findings.settings_file(settings, config)).fix
    assert "relay.b.password_file" in only(findings.relays(config)).text
    path.write_text("secret\n")
    path.chmod(0o644)
    assert "chmod o-r" in only(findings.relays(config)).fix
    path.chmod(0o600)
    assert only(findings.relays(config)).verdict is GOOD


def test_source_addresses(config: Config) -> None:
    delivery = DeliverySettings(source_ipv4="127.0.0.9", relay={"bulk": RelaySettings(source_ipv6="2001:db8::1")})
    own, other = findings.relays(_with(config, delivery=delivery))
    assert (own.verdict, other.verdict) == (GOOD, BAD)
    assert "delivery.relay.bulk.source_ipv6" in other.fix


def test_the_data_folder(config: Config, tmp_path: Path) -> None:
    assert only(findings.data_folder(config)).verdict is GOOD
    config.data.chmod(0o755)
    assert only(findings.data_folder(config)).verdict is NOTE
    missing = only(findings.data_folder(_with(config, data=tmp_path / "nowhere")))
    assert (missing.verdict, "postroom init" in missing.fix) == (BAD, True)
    of_others = only(findings.data_folder(_with(config, process=ProcessSettings(user="nobody"))))
    assert (of_others.verdict, "chown -R nobody" in of_others.fix) == (BAD, True)


def test_a_data_folder_that_can_not_be_written(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may not write" in only(findings.data_folder(config)).text


def test_the_process_user(config: Config) -> None:
    at_root = config.data.stat().st_uid == 0
    assert [one.verdict for one in findings.process_user(config)] == ([NOTE] if at_root else [])
    assert list(findings.process_user(_with(config, process=ProcessSettings(user="nobody")))) == []
    unknown = only(findings.process_user(_with(config, process=ProcessSettings(user="no-such-user"))))
    assert "useradd" in unknown.fix
    assert findings._user_name(987_654) == "user 987654"


def test_the_key_of_credentials(config: Config) -> None:
    path = config.data / "credentials.key"
    assert only(findings.credential_key(config)).verdict is GOOD  # not needed yet
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    assert only(findings.credential_key(config)).verdict is GOOD
    path.chmod(0o640)
    assert "may read" in only(findings.credential_key(config)).text
    path.write_bytes(b"k")
    assert "damaged" in only(findings.credential_key(config)).text
    elsewhere = _with(config, accounts=AccountSettings(credential_key_file="/nowhere/at/all"))
    assert only(findings.credential_key(elsewhere)).verdict is BAD


def test_databases(config: Config) -> None:
    assert list(findings.databases(config)) == []
    for name in ("postroom.db", "accounts/1/mail.db", "accounts/2/mail.db"):
        path = config.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        db = apsw.Connection(str(path))
        db.execute("BEGIN; CREATE TABLE t (x); CREATE INDEX i ON t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [(str(k) * 50,) for k in range(500)])
        db.execute("COMMIT")
        db.close()
    assert [one.verdict for one in findings.databases(config)] == [GOOD, GOOD]
    broken = config.data / "accounts" / "2" / "mail.db"
    raw = bytearray(broken.read_bytes())
    raw[4096 * 4 : 4096 * 5] = bytes(4096)
    broken.write_bytes(raw)
    (config.data / "postroom.db").write_bytes(b"no database at all" * 100)
    found = list(findings.databases(config))
    assert [(one.subject, one.verdict) for one in found] == [("postroom.db", BAD), ("mail", BAD)]
    assert "damaged" in found[1].text
    assert all(one.fix for one in found)


def test_people() -> None:
    assert only(findings.people([], [])).verdict is BAD
    assert only(findings.people(["example.org"], [])).verdict is NOTE
    assert only(findings.people(["example.org"], ["bob@example.org"])).verdict is GOOD


def _answering(greeting: bytes) -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.sendall(greeting)

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


def _ports(config: Config, *, must_serve: bool = False, **listen: tuple[str, ...]) -> Finding:
    return only(findings.ports(_with(config, listen=ListenSettings(**listen)), must_serve=must_serve))


def test_ports_that_are_served(config: Config) -> None:
    listener, port = _answering(b"220 mail.example.org ESMTP\r\n")
    address = (f"127.0.0.1:{port}",)
    try:
        assert _ports(config, smtp=address).verdict is GOOD
        assert _ports(config, smtp=address, must_serve=True).verdict is GOOD
        assert _ports(config, smtp=(f"0.0.0.0:{port}",), must_serve=True).verdict is GOOD
        assert _ports(config, imaps=address, must_serve=True).verdict is GOOD  # TLS: being let in is all there is
        stranger = _ports(config, pop3=address)
        assert (stranger.verdict, "ss -lnp" in stranger.fix) == (BAD, True)
        assert "220 mail" in _ports(config, pop3=address, must_serve=True).text
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_ports_that_are_not(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "_SERVING_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = (f"127.0.0.1:{free.getsockname()[1]}",)
    assert _ports(config, smtp=address).verdict is GOOD
    assert _ports(config, smtp=address, must_serve=True).verdict is BAD
    assert "no such address" in _ports(config, smtp=("192.0.2.77:2500",)).fix
    assert _ports(config).verdict is BAD  # nothing listens
    assert _ports(config, lmtp=(f"unix:{tmp_path}/lmtp",)).verdict is GOOD
    assert _ports(config, lmtp=("unix:/nowhere/at/all",)).verdict is BAD

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(f"{tmp_path}/socket")
        assert _ports(config, lmtp=(f"unix:{tmp_path}/socket",)).verdict is GOOD  # left over: nobody listens
        sock.listen()
        assert "in use" in _ports(config, lmtp=(f"unix:{tmp_path}/socket",)).text

    def refuse(address: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(findings, "_try_to_bind", refuse)
    assert "CAP_NET_BIND_SERVICE" in _ports(config, smtp=address).fix


def test_the_public_suffix_list(config: Config, tmp_path: Path) -> None:
    assert list(findings.public_suffixes(config)) == []
    path = tmp_path / "list.dat"
    config = _with(config, authentication=AuthenticationSettings(public_suffix_list=str(path)))
    missing = only(findings.public_suffixes(config))
    assert missing.verdict is BAD
    assert str(path) in missing.text
    path.write_text("com\n*.ck\n!www.ck\n")
    found = only(findings.public_suffixes(config))
    assert found.verdict is GOOD
    assert "3 rules" in found.text
