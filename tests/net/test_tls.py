"""Certificates: made, kept, reloaded, refused."""

import ssl
from pathlib import Path

import pytest

from postroom.net import ServerTls, TlsSetupError, self_signed

NOW = 1_790_000_000.0


def test_a_self_signed_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "mail.example.org", 100, NOW)
    first = certificate.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert self_signed(tmp_path, "mail.example.org", 100, NOW + 86400 * 98) == (certificate, key)
    assert certificate.read_bytes() == first
    self_signed(tmp_path, "mail.example.org", 100, NOW + 86400 * 100)
    assert certificate.read_bytes() != first


def test_changed_files_are_loaded_and_broken_ones_refused(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "a.example", 100, NOW)
    tls = ServerTls(certificate, key)
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not tls.reload_if_changed()
    self_signed(tmp_path, "b.example", 100, NOW + 86400 * 100)
    assert tls.reload_if_changed()
    assert not tls.reload_if_changed()
    certificate.write_text("not a certificate")
    with pytest.raises(TlsSetupError, match=r"self-signed\.crt"):
        tls.reload_if_changed()


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TlsSetupError, match="nowhere"):
        ServerTls(tmp_path / "nowhere.crt", tmp_path / "nowhere.key")
