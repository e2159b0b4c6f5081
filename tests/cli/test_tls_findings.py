"""What `postroom check --dns` makes of TLSA records, MTA-STS and TLS-RPT."""

import asyncio

import pytest
from tests.mailauth.authority import NOW, issue

from postroom.cli.findings import Finding, Verdict
from postroom.cli.records import TlsRecords
from postroom.cli.tls_findings import tls_findings
from postroom.dns import StaticResolver
from postroom.mailauth import tlsa_for

HOST, DOMAIN = "mail.example.org", "example.org"
CERTIFICATE = issue(HOST)
RDATA = bytes((3, 1, 1)) + tlsa_for(CERTIFICATE.certificate).data
TLS = TlsRecords(str(tlsa_for(CERTIFICATE.certificate)), "abc1", "tls@example.org")
STS, RPT = "_mta-sts.example.org", "_smtp._tls.example.org"


def ask(resolver: StaticResolver, tls: TlsRecords = TLS) -> dict[str, Finding]:
    async def whole() -> list[Finding]:
        return [one async for one in tls_findings(resolver, HOST, [DOMAIN], tls, CERTIFICATE.chain, NOW)]

    found = asyncio.run(whole())
    assert all(one.fix for one in found if one.verdict is not Verdict.GOOD)
    return {one.subject: one for one in found}


@pytest.mark.parametrize(
    ("records", "secure", "verdict", "words"),
    [
        ([], True, None, ""),
        ([RDATA], True, Verdict.GOOD, "TLSA 3 1 1"),
        ([bytes((3, 1, 1)) + bytes(32), RDATA], True, Verdict.GOOD, "TLSA 3 1 1"),
        ([bytes((3, 1, 1)) + bytes(32)], True, Verdict.BAD, "send nothing"),
        ([bytes((0, 1, 1)) + bytes(32)], True, Verdict.NOTE, "can't be used"),
        ([RDATA], False, Verdict.NOTE, "not signed"),
    ],
)
def test_tlsa(records: list[bytes], secure: bool, verdict: Verdict | None, words: str) -> None:
    name = f"_25._tcp.{HOST}"
    found = ask(StaticResolver(tlsa_records={name: records}, secure={name} if secure else set()))
    assert (found["tlsa"].verdict if "tlsa" in found else None) is verdict
    assert verdict is None or words in found["tlsa"].text


@pytest.mark.parametrize(
    ("text", "served", "verdict"),
    [
        ("v=STSv1; id=abc1;", True, Verdict.GOOD),
        ("v=STSv1; id=old;", True, Verdict.BAD),
        ("", True, Verdict.NOTE),
        ("v=STSv1; id=x;", False, Verdict.GOOD),
        ("", False, None),
    ],
)
def test_mta_sts(text: str, served: bool, verdict: Verdict | None) -> None:
    tls = TLS if served else TlsRecords()
    found = ask(StaticResolver(txt_records={STS: [text]} if text else {}), tls)
    assert (found["mta-sts"].verdict if "mta-sts" in found else None) is verdict


@pytest.mark.parametrize(
    ("text", "wanted", "verdict"),
    [
        ("v=TLSRPTv1; rua=mailto:tls@example.org", True, Verdict.GOOD),
        ("", True, Verdict.NOTE),
        ("", False, None),
    ],
)
def test_reports(text: str, wanted: bool, verdict: Verdict | None) -> None:
    tls = TLS if wanted else TlsRecords()
    found = ask(StaticResolver(txt_records={RPT: [text]} if text else {}), tls)
    assert (found["tls-reports"].verdict if "tls-reports" in found else None) is verdict


def test_no_answer() -> None:
    assert ask(StaticResolver(failing={STS}))["dns"].verdict is Verdict.BAD
