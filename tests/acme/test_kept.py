"""Certificates, states and the account on the disk."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.mailauth.authority import Issued, issue

from postroom.acme.jws import new_key
from postroom.acme.kept import Account, Kept, KeptTrouble, State, private_part, same_names
from postroom.net import ServerTls


def pair(folder: Path, issued: Issued) -> tuple[bytes, bytes]:
    certificate, key = issued.write(folder)
    return key.read_bytes(), certificate.read_bytes()


def test_key_and_chain_are_one_file_that_listeners_can_show(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "tls")
    assert (kept.labels(), kept.files(), kept.key("a"), kept.certificate("a")) == ([], [], None, None)
    one = issue("a.test")
    key, chain = pair(tmp_path, one)
    kept.put("a", key, chain)
    assert kept.labels() == ["a"]
    assert kept.names("a") == ("a.test",)
    assert kept.key("a") == key.strip()
    assert kept.path("a").stat().st_mode & 0o777 == 0o600
    [files] = kept.files()
    assert ServerTls(files.certificate, files.key).certificates[0].names == ("a.test",)


def test_of_a_file_with_everything_the_key_alone_is_taken(tmp_path: Path) -> None:
    key, chain = pair(tmp_path, issue("a.test"))
    other = issue("b.test").certificate.public_bytes(Encoding.PEM)
    assert private_part(other + key + other) == key.strip()
    assert private_part(chain) == b""
    kept = Kept(tmp_path / "tls")
    kept.put("a", other + key, chain)
    assert kept.names("a") == ("a.test",)


def test_a_prepared_key_is_there_until_it_is_used(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept.next_key("a") is None
    prepared = kept.next_key("a", make=True)
    assert prepared is not None
    assert kept.next_key("a", make=True) == prepared
    _, chain = pair(tmp_path, issue("a.test"))
    kept.put("a", new_key(), chain)
    assert kept.next_key("a") == prepared
    kept.put("a", prepared, chain)
    assert kept.next_key("a") is None


def test_states_and_the_account(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept.state("a") == State()
    state = State(names=("a.test",), failures=2, failure="no route", next_try=5.0)
    kept.put_state("a", state)
    assert Kept(tmp_path).state("a") == state
    assert kept.files() == []  # a failure is no certificate
    key = kept.account_key()
    assert kept.account_key() == key
    kept.put_account(Account(directory="https://ca.test/dir", url="https://ca.test/me"))
    assert kept.account("https://ca.test/dir") == "https://ca.test/me"
    assert kept.account("https://other.test/dir") == ""


def test_one_process_orders_at_a_time(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    with kept.alone() as first, Kept(tmp_path).alone() as second:
        assert (first, second) == (True, False)
    with kept.alone() as again:
        assert again


@pytest.mark.parametrize("label", ["", "..", "../x", "a/b", ".hidden", "ü"])
def test_a_name_is_no_path(tmp_path: Path, label: str) -> None:
    with pytest.raises(KeptTrouble, match="can't be the name"):
        Kept(tmp_path).put(label, b"", b"")


def test_what_is_broken_is_told_with_its_file(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.put_state("a", State())
    kept.path("a").write_text("no certificate")
    with pytest.raises(KeptTrouble, match=r"a/certificate\.pem"):
        kept.names("a")
    kept.path("a").with_name("state.json").write_text("{")
    with pytest.raises(KeptTrouble, match=r"a/state\.json"):
        kept.state("a")


def test_names_are_compared_as_a_set() -> None:
    assert same_names(["A.test", "b.test"], ["b.test", "a.test"])
    assert not same_names(["a.test"], ["a.test", "b.test"])
