"""Which certificates the settings make, and what the log says of them."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path

import pytest
from tests.mailauth.authority import issue
from tests.net.certificates import made, touch

from postroom.base import SystemClock
from postroom.net import (
    CertificateFiles,
    CertificateSettings,
    ServerCertificates,
    TlsSettings,
    TlsSetupError,
    configured_certificates,
)

NOW = time.time()


class StandingClock(SystemClock):
    """Stands where it is set; sleeping takes one turn of the loop."""

    def __init__(self, now: float) -> None:
        self.moment = now

    def now(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def settings_of(folder: Path, **days: float) -> TlsSettings:
    """One certificate each, by name, with the days that it is still valid; the first is `tls.certificate`."""
    files = [made(folder / name, issue(f"{name}.example", days=(-1, left), now=NOW)) for name, left in days.items()]
    first, *rest = files
    return TlsSettings(
        certificate=str(first.certificate),
        key=str(first.key),
        certificates={
            str(number): CertificateSettings(certificate=str(one.certificate), key=str(one.key))
            for number, one in enumerate(rest)
        },
    )


def test_without_settings_there_is_a_self_signed_one(tmp_path: Path) -> None:
    tls = ServerCertificates(TlsSettings(), tmp_path, "mail.example.org", SystemClock()).tls
    assert tls.certificate == tmp_path / "self-signed.crt"
    assert configured_certificates(TlsSettings()) == []


def test_the_key_may_be_in_the_file_of_the_certificate() -> None:
    settings = TlsSettings(certificate="/a", certificates={"b": CertificateSettings(certificate="/b")})
    both = [CertificateFiles(Path(path), Path(path)) for path in ("/a", "/b")]
    assert configured_certificates(settings) == both


def test_each_configured_certificate_is_shown_for_its_names(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, a=90, b=90)
    tls = ServerCertificates(settings, tmp_path, "mail.example.org", SystemClock()).tls
    assert tls.chosen("b.example").names == ("b.example",)
    assert tls.chosen("c.example").names == ("a.example",)


def test_one_that_is_broken_from_the_start_is_told_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path, a=90, b=90)
    (tmp_path / "b" / "key.pem").unlink()
    tls = ServerCertificates(settings, tmp_path, "mail.example.org", SystemClock()).tls
    assert [one.names for one in tls.certificates] == [("a.example",)]
    assert "b/key.pem: No such file" in caplog.text
    (tmp_path / "a" / "key.pem").unlink()
    with pytest.raises(TlsSetupError, match=r"a/key\.pem"):
        ServerCertificates(settings, tmp_path, "mail.example.org", SystemClock())


def test_the_end_of_a_certificate_is_told_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = StandingClock(NOW)
    settings = settings_of(tmp_path, a=90, b=13)
    certificates = ServerCertificates(settings, tmp_path, "mail.example.org", clock)
    certificates.warn()
    certificates.warn()
    assert caplog.messages == [f"certificate {tmp_path}/b/chain.pem ends in 13.0 days"]
    clock.moment += 14 * 86_400
    certificates.warn()
    assert caplog.messages[1:] == [f"certificate {tmp_path}/b/chain.pem ended 1.0 days ago"]


def test_changed_files_are_watched_and_trouble_is_told_again_after_a_day(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = StandingClock(NOW)
    settings = settings_of(tmp_path, a=90, b=90)
    certificates = ServerCertificates(settings, tmp_path, "mail.example.org", clock)

    async def main() -> None:
        watch = asyncio.ensure_future(certificates.watch())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not caplog.messages
        issue("renewed.example", now=NOW).write(tmp_path / "b")
        touch(CertificateFiles(tmp_path / "b" / "chain.pem", tmp_path / "b" / "key.pem"))
        while not caplog.messages:
            await asyncio.sleep(0)
        (tmp_path / "b" / "chain.pem").write_text("half")
        while len(caplog.messages) < 2:
            await asyncio.sleep(0)
        clock.moment += 86_400
        while len(caplog.messages) < 3:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch

    asyncio.run(main())
    reloaded, broken, still = caplog.messages
    assert reloaded.startswith("certificate reloaded; in use: ")
    assert broken.startswith("certificate not reloaded: ")
    assert still.startswith("certificate still not loaded: ")
    assert certificates.tls.chosen("renewed.example").names == ("renewed.example",)
