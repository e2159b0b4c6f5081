"""What `postroom check` finds of certificates."""

import pwd
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.acme.test_kept import pair
from tests.mailauth.authority import issue

from postroom.acme import AcmeSettings, Kept, State
from postroom.cli.certificate_findings import certificates
from postroom.cli.findings import Finding, Verdict
from postroom.config import Config, ListenSettings, ProcessSettings
from postroom.net import CertificateSettings, TlsSettings

NOW = time.time()
GOOD, NOTE, BAD = Verdict.GOOD, Verdict.NOTE, Verdict.BAD
ACME = AcmeSettings(directory="https://ca.test/dir", terms_agreed=True)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(hostname="mail.example.org", data=tmp_path / "data")


def found(config: Config, **settings: Any) -> list[Finding]:
    return list(certificates(msgspec.structs.replace(config, **settings), NOW))


def verdicts(findings: list[Finding]) -> list[Verdict]:
    return [one.verdict for one in findings]


def made(folder: Path, names: tuple[str, ...], days: float, start: float = -1, mode: int = 0o600) -> TlsSettings:
    certificate, key = issue("x", dns=names, days=(start, days), now=NOW).write(folder)
    key.chmod(mode)
    return TlsSettings(certificate=str(certificate), key=str(key))


@pytest.mark.parametrize(
    ("names", "days", "start", "mode", "expected"),
    [
        (("mail.example.org",), 90, -1, 0o600, [GOOD]),
        (("x.test", "*.example.org"), 90, -1, 0o600, [GOOD]),
        (("mail.example.org",), 5, -1, 0o600, [NOTE]),
        (("mail.example.org",), -1, -2, 0o600, [BAD]),
        (("mail.example.org",), 90, 2, 0o600, [BAD]),
        (("example.org", "*.mail.example.org"), 90, -1, 0o600, [GOOD, BAD]),
        ((), 90, -1, 0o600, [GOOD, BAD]),
        (("mail.example.org",), 90, -1, 0o644, [GOOD, BAD]),
    ],
)
def test_certificates(
    config: Config,
    tmp_path: Path,
    names: tuple[str, ...],
    days: int,
    start: int,
    mode: int,
    expected: list[Verdict],
) -> None:
    assert verdicts(found(config, tls=made(tmp_path, names, days, start, mode))) == expected


def test_a_key_that_the_servers_user_may_not_read_is_not_seen_when_it_is_replaced(
    config: Config, tmp_path: Path
) -> None:
    tls = made(tmp_path, ("mail.example.org",), 90)
    key = Path(tls.key)
    owner = pwd.getpwuid(key.stat().st_uid).pw_name
    assert verdicts(found(config, tls=tls, process=ProcessSettings(user=owner))) == [GOOD]
    (good, unseen) = found(config, tls=tls, process=ProcessSettings(user="nobody"))
    assert (good.verdict, unseen.verdict) == (GOOD, NOTE)
    assert unseen.text.startswith(f"nobody may not read {key}")
    key.chmod(0o644)
    assert verdicts(found(config, tls=tls, process=ProcessSettings(user="nobody"))) == [GOOD, BAD]


def test_certificates_that_can_not_be_used(config: Config, tmp_path: Path) -> None:
    assert verdicts(found(config)) == [NOTE]
    assert verdicts(found(config, tls=TlsSettings(certificate="/no", key="/no"))) == [BAD]
    tls = made(tmp_path, ("mail.example.org",), 90)
    (tmp_path / "key.pem").write_bytes(b"no key")
    assert verdicts(found(config, tls=tls)) == [BAD]


def test_each_certificate_is_looked_at_and_one_has_to_name_the_server(config: Config, tmp_path: Path) -> None:
    first = made(tmp_path / "1", ("a.test",), 90)
    second = made(tmp_path / "2", ("mail.example.org",), 90)
    more = {"b": CertificateSettings(certificate=second.certificate, key=second.key)}
    assert verdicts(found(config, tls=msgspec.structs.replace(first, certificates=more))) == [GOOD, GOOD]
    assert verdicts(found(config, tls=first)) == [GOOD, BAD]


def test_those_that_the_server_keeps_and_what_hinders_an_order(config: Config, tmp_path: Path) -> None:
    kept = Kept(config.data / "tls")
    kept.put("hostname", *pair(tmp_path, issue("mail.example.org", days=(-1, 90), now=NOW)))
    kept.put_state("a.test", State(failures=3, failure="http-01 failed: connection: no route"))
    good, bad = found(config)
    assert (good.verdict, bad.verdict) == (GOOD, BAD)
    assert bad.text == ("a.test could not be had from the authority, 3 time(s): http-01 failed: connection: no route")
    assert "postroom certificate order a.test" in bad.fix
    kept.path("a.test").with_name("state.json").write_text("{")
    assert "state.json" in found(config)[1].text


def test_secrets_of_orders_are_nobody_elses(config: Config, tmp_path: Path) -> None:
    for name, mode in (("eab", 0o644), ("dns", 0o600)):
        (tmp_path / name).touch(mode)
    acme = AcmeSettings(
        eab_key_id="k",
        eab_key_file=str(tmp_path / "eab"),
        dns_key_name="k",
        dns_key_file=str(tmp_path / "dns"),
    )
    assert [one.fix for one in found(config, acme=acme) if one.verdict is BAD] == [f"chmod o-r {tmp_path / 'eab'}"]


@pytest.mark.parametrize(
    ("challenge", "listen", "fix"),
    [
        ("http-01", {}, 'set listen.acme_http = ["0.0.0.0:80", "[::]:80"]'),
        ("http-01", {"acme_http": ("127.0.0.1:80",)}, None),
        ("tls-alpn-01", {}, 'set listen.policy_host = ["0.0.0.0:443", "[::]:443"]'),
        ("tls-alpn-01", {"policy_host": ("127.0.0.1:443",)}, None),
    ],
)
def test_somebody_has_to_answer_the_authority(
    config: Config, challenge: str, listen: dict[str, tuple[str, ...]], fix: str | None
) -> None:
    acme = msgspec.structs.replace(ACME, challenge=challenge)
    fixes = [one.fix for one in found(config, acme=acme, listen=ListenSettings(**listen)) if one.verdict is BAD]
    assert fixes == ([fix] if fix else [])
