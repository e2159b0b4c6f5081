"""`postroom init`."""

import os
import pwd
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from postroom.cli import init, main
from postroom.config import load


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTROOM_CONFIG", raising=False)


def run(tmp_path: Path, *arguments: str, stdin: str = "") -> Result:
    places = ("--config", str(tmp_path / "c" / "postroom.toml"), "--data", str(tmp_path / "data"))
    return CliRunner().invoke(main, ["init", *arguments, *places], input=stdin)


def test_a_development_server_is_on_loopback_with_high_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "_has_ipv6", lambda: True)
    result = run(tmp_path, "bob.test", "--dev")
    assert result.exit_code == 0, result.output
    config = load(tmp_path / "c" / "postroom.toml")
    ports = {name: getattr(config.listen, name) for name in config.listen.__struct_fields__}
    assert ports == {
        name: (f"127.0.0.1:{port}", f"[::1]:{port}")
        for name, port in (
            ("smtp", 2025),
            ("submission", 2587),
            ("submissions", 2465),
            ("lmtp", 2024),
            ("pop3", 2110),
            ("pop3s", 2995),
            ("imap", 2143),
            ("imaps", 2993),
        )
    } | {"policy_host": (), "acme_http": ()}
    assert config.hostname == "mail.bob.test"
    assert config.data == tmp_path / "data"
    assert config.pop3.plaintext_sign_in_on_loopback
    assert config.tls.certificate == ""
    assert "postroom serve" in result.stdout
    assert (tmp_path / "data" / "postroom.db").exists()


def test_another_port_base_and_no_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "_has_ipv6", lambda: False)
    assert run(tmp_path, "bob.test", "--dev", "--port-base", "30000").exit_code == 0
    assert load(tmp_path / "c" / "postroom.toml").listen.imaps == ("127.0.0.1:30993",)
    assert run(tmp_path, "bob.test", "--dev", "--port-base", "65000", "--force").exit_code == 2


def test_a_real_server_listens_everywhere_and_tells_what_to_publish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init, "_has_ipv6", lambda: True)
    result = run(tmp_path, "Example.ORG", "--account", "alice", "--password-stdin", stdin="s3cret words\n")
    assert result.exit_code == 0, result.output
    config = load(tmp_path / "c" / "postroom.toml")
    assert config.listen.smtp == ("0.0.0.0:25", "[::]:25")
    assert config.listen.lmtp == ()
    assert not config.allow_plaintext_sign_in_on_loopback
    assert config.hostname == "mail.example.org"
    for record in ("IN MX     10 mail.example.org.", "v=spf1", "v=DMARC1", "IN CAA", "_imaps._tcp.example.org."):
        assert record in result.stdout
    listed = CliRunner().invoke(main, ["account", "list", "--config", str(tmp_path / "c" / "postroom.toml")])
    assert "alice@example.org" in listed.stdout


def test_settings_are_not_overwritten_and_data_is_kept(tmp_path: Path) -> None:
    add = ("--account", "alice@example.org", "--password-stdin")
    assert run(tmp_path, "example.org", *add, stdin="s3cret words\n").exit_code == 0
    path = tmp_path / "c" / "postroom.toml"
    path.write_text(path.read_text() + "# mine\n")
    again = run(tmp_path, "example.org")
    assert again.exit_code == 3
    assert "--force" in again.stderr
    assert "# mine" in path.read_text()
    forced = run(tmp_path, "example.org", "--force", *add, stdin="other words\n")
    assert forced.exit_code == 0
    assert "its password stays" in forced.stderr
    assert "# mine" not in path.read_text()
    assert sorted(one.name for one in path.parent.iterdir()) == ["postroom.toml"]


@pytest.mark.parametrize("arguments", [("exa mple",), ("example.org", "--hostname", "my host")])
def test_impossible_names(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(tmp_path, *arguments).exit_code == 2
    assert not (tmp_path / "c").exists()


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file")
    result = run(tmp_path, "example.org")
    assert result.exit_code == 1
    assert "Error: " in result.stderr


def test_on_a_terminal_the_first_account_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "alice")
    monkeypatch.setattr(init, "read_password", lambda _: "s3cret words")
    assert init._first_account("example.org", None, False) == ("alice@example.org", "s3cret words")
    monkeypatch.setattr("click.prompt", lambda *_, **__: "")
    assert init._first_account("example.org", None, False) is None


def test_default_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert init._default_path() == Path("postroom.toml")
    assert init._default_data() == Path("postroom-data")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert init._default_path() == Path("/etc/postroom/postroom.toml")
    assert init._default_data() == Path("/var/lib/postroom")
    monkeypatch.setenv("POSTROOM_CONFIG", "/x.toml")
    assert init._default_path() == Path("/x.toml")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_for_another_user_the_data_is_theirs(tmp_path: Path) -> None:
    assert run(tmp_path, "example.org", "--user", "nobody").exit_code == 0
    assert load(tmp_path / "c" / "postroom.toml").process.user == "nobody"
    nobody = pwd.getpwnam("nobody").pw_uid
    assert {one.stat().st_uid for one in (tmp_path / "data", *(tmp_path / "data").iterdir())} == {nobody}
