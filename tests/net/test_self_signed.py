"""Certificates of our own making."""

from pathlib import Path

from postroom.net import self_signed

NOW = 1_790_000_000.0


def test_a_self_signed_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "mail.example.org", 100, NOW)
    first = certificate.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert self_signed(tmp_path, "mail.example.org", 100, NOW + 86400 * 98) == (certificate, key)
    assert certificate.read_bytes() == first
    self_signed(tmp_path, "mail.example.org", 100, NOW + 86400 * 100)
    assert certificate.read_bytes() != first
