"""The key file, sealing, salts."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from postroom.accounts import DirectoryFailure
from postroom.accounts.vault import KEY_OCTETS, SALT_OCTETS, Vault, key_in_file
from postroom.base import SeededIds, SystemIds


def _vault(key: bytes = b"k" * 32) -> Vault:
    return Vault(lambda: key, SeededIds())


def test_what_is_sealed_opens_for_its_purpose_and_under_its_key_only(caplog: pytest.LogCaptureFixture) -> None:
    vault = _vault()
    sealed = vault.seal(b"secret", "for bob")
    assert b"secret" not in sealed
    assert vault.opened(sealed, "for bob") == b"secret"
    assert vault.opened(sealed, "for alice") is None
    assert vault.opened(sealed[:-1] + b"\0", "for bob") is None
    assert vault.opened(b"", "for bob") is None
    assert _vault(b"x" * 32).opened(sealed, "for bob") is None
    assert vault.seal(b"secret", "for bob") != sealed
    assert caplog.text.count("can't be opened") == 2  # once each


def test_salts_are_steady_and_tell_nothing() -> None:
    vault = _vault()
    salt = vault.salt("sha-256", "bob@example.org")
    assert salt == _vault().salt("sha-256", "bob@example.org")
    assert len(salt) == SALT_OCTETS
    others = {vault.salt("sha-1", "bob@example.org"), vault.salt("sha-256", "bob@example.net")}
    others |= {_vault(b"x" * 32).salt("sha-256", "bob@example.org"), vault.salt("sha-256", "\udcff")}
    assert salt not in others
    assert len(others) == 4


def test_the_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "data" / "credentials.key"
    key = key_in_file(path, SystemIds())()
    assert len(key) == KEY_OCTETS
    assert key_in_file(path, SystemIds())() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["credentials.key"]


def test_all_who_make_it_at_once_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: key_in_file(tmp_path / "k", SystemIds())(), range(16)))
    assert len(keys) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_made_by_root_it_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", 4321, 4321)
    key_in_file(tmp_path / "data" / "credentials.key", SystemIds())()
    assert (tmp_path / "data" / "credentials.key").stat().st_uid == 4321


def test_a_damaged_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"short")
    with pytest.raises(DirectoryFailure, match="5 octets"):
        key_in_file(tmp_path / "k", SystemIds())()
    assert (tmp_path / "k").read_bytes() == b"short"
    (tmp_path / "folder").mkdir()
    with pytest.raises(DirectoryFailure):
        key_in_file(tmp_path / "folder", SystemIds())()
