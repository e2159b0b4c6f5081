"""What `postroom check dns` makes of TLSA records, MTA-STS, TLS-RPT and CAA."""

import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.cli.nameserver import DOMAIN, HOST, Zones, look, only, zone
from tests.delivery.peer import DROP, Peer
from tests.mailauth.authority import NOW, Issued, issue

from postroom.base import SystemClock
from postroom.cli.findings import Finding, Verdict
from postroom.cli.network_findings import Caller
from postroom.cli.records import Publication, TlsRecords
from postroom.cli.tls_findings import (
    caa_findings,
    policy_file_findings,
    policy_findings,
    report_findings,
    shown_findings,
    tlsa_findings,
)
from postroom.dns import InspectingResolver
from postroom.mailauth import tlsa_for
from postroom.mailauth.mta_sts import Mode, Policy
from postroom.net import (
    Connection,
    Dialer,
    HttpsClient,
    Listener,
    NetSettings,
    ServerTls,
    client_context,
    http_response,
)

CERTIFICATE = issue(HOST)
OURS = str(tlsa_for(CERTIFICATE.certificate))
TLS = zone(Publication(TlsRecords(OURS, "abc1", "tls@example.org"), authorities=("letsencrypt.org",)))
PLAIN = zone(Publication())
TLSA, STS, RPT = f"_25._tcp.{HOST}", "_mta-sts.example.org", "_smtp._tls.example.org"
OTHER = "3 1 1 " + "00" * 32


@pytest.mark.parametrize(
    ("records", "secure", "verdict", "words"),
    [
        ([], False, None, ""),
        ([], True, Verdict.NOTE, "no TLSA record, and its zone is signed"),
        ([OURS], True, Verdict.GOOD, "TLSA 3 1 1"),
        ([OTHER, OURS], True, Verdict.GOOD, "TLSA 3 1 1"),
        ([OTHER], True, Verdict.BAD, "none of those"),
        (["0 1 1 " + "00" * 32], True, Verdict.NOTE, "can't be used"),
        ([OURS], False, Verdict.NOTE, "not signed"),
    ],
)
def test_tlsa(records: list[str], secure: bool, verdict: Verdict | None, words: str) -> None:
    found = look(
        {TLSA: {"TLSA": records}},
        lambda resolver: tlsa_findings(resolver, TLS, CERTIFICATE.chain, NOW),
        secure={TLSA} if secure else (),
    )
    assert [one.verdict for one in found] == ([] if verdict is None else [verdict])
    assert verdict is None or words in found[0].text
    if verdict is Verdict.BAD:
        assert found[0].fix == f"publish: {TLSA}. IN TLSA {OURS}"


def shown(
    folder: Path,
    certificate: Issued,
    script: dict[str, list[bytes]] | None = None,
    *,
    secure: bool = True,
    records: tuple[str, ...] = (OURS,),
    extensions: tuple[str, ...] = ("PIPELINING", "STARTTLS"),
) -> list[Finding]:
    """Of an SMTP server on loopback with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate.write(folder))

    async def asked(resolver: InspectingResolver) -> AsyncIterator[Finding]:
        peer = await Peer(script, extensions=extensions, tls=context).start()
        caller, client = Caller(Dialer(NetSettings()), 5), client_context(verify=False)
        try:
            async for one in shown_findings(resolver, caller, client, TLS, "127.0.0.1", NOW, peer.port):
                yield one
            assert peer.sessions == (1 if secure and records else 0)
        finally:
            await peer.stop()

    return look({TLSA: {"TLSA": list(records)}}, asked, secure={TLSA} if secure else ())


def test_the_certificate_that_is_shown_on_port_25(tmp_path: Path) -> None:
    one = only(shown(tmp_path, CERTIFICATE))
    assert (one.verdict, one.text.partition(": ")[2]) == (Verdict.GOOD, "its certificate is that of TLSA 3 1 1")


def test_another_certificate_is_shown_than_the_one_in_the_file(tmp_path: Path) -> None:
    one = only(shown(tmp_path, issue(HOST)))
    assert one.verdict is Verdict.BAD
    assert "its certificate is none of those in the TLSA records" in one.text
    assert one.fix.endswith(f"publish: {TLSA}. IN TLSA {OURS}")


def test_no_starttls_is_offered_where_it_is_demanded(tmp_path: Path) -> None:
    one = only(shown(tmp_path, CERTIFICATE, extensions=("PIPELINING",)))
    assert one.verdict is Verdict.BAD
    assert "offers no STARTTLS" in one.text


@pytest.mark.parametrize(
    "script", [{"GREETING": [b"554 5.7.1 no"]}, {"STARTTLS": [b"454 4.7.0 not now"]}, {"STARTTLS": [DROP]}]
)
def test_what_is_shown_could_not_be_asked(tmp_path: Path, script: dict[str, list[bytes]]) -> None:
    one = only(shown(tmp_path, CERTIFICATE, script))
    assert one.verdict is Verdict.UNASKED
    assert f"-servername {HOST}" in one.fix


def test_nothing_is_asked_where_nobody_heeds_it(tmp_path: Path) -> None:
    assert shown(tmp_path, CERTIFICATE, secure=False) == []
    assert shown(tmp_path, CERTIFICATE, records=()) == []


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
def test_the_text_of_mta_sts(text: str, served: bool, verdict: Verdict | None) -> None:
    zones = {STS: {"TXT": [text]}} if text else {}
    found = look(zones, lambda resolver: policy_findings(resolver, TLS if served else PLAIN))
    assert [one.verdict for one in found] == ([] if verdict is None else [verdict])
    if verdict in (Verdict.BAD, Verdict.NOTE):
        assert found[0].fix == f'publish: {STS}. IN TXT "v=STSv1; id=abc1;"'


@pytest.mark.parametrize(
    ("text", "wanted", "verdict"),
    [
        ("v=TLSRPTv1; rua=mailto:tls@example.org", True, Verdict.GOOD),
        ("v=TLSRPTv1; rua=mailto:a@b.test,mailto:TLS@example.org", True, Verdict.GOOD),
        ("v=TLSRPTv1; rua=mailto:other@example.org", True, Verdict.NOTE),
        ("v=TLSRPTv1; rua=mailto:other@example.org", False, Verdict.GOOD),
        ("", True, Verdict.NOTE),
        ("", False, None),
    ],
)
def test_where_reports_go(text: str, wanted: bool, verdict: Verdict | None) -> None:
    zones = {RPT: {"TXT": [text]}} if text else {}
    found = look(zones, lambda resolver: report_findings(resolver, TLS if wanted else PLAIN))
    assert [one.verdict for one in found] == ([] if verdict is None else [verdict])
    if verdict is Verdict.NOTE:
        assert found[0].fix == f'publish: {RPT}. IN TXT "v=TLSRPTv1; rua=mailto:tls@example.org"'


@pytest.mark.parametrize(
    ("zones", "verdict", "words"),
    [
        ({HOST: {"CAA": ['0 issue "letsencrypt.org"']}}, Verdict.GOOD, f"by the CAA records of {HOST}"),
        ({DOMAIN: {"CAA": ['0 issue "letsencrypt.org"']}}, Verdict.GOOD, f"by the CAA records of {DOMAIN}"),
        ({DOMAIN: {"CAA": ['0 issue "other.test"']}}, Verdict.BAD, f"the CAA records of {DOMAIN} do not let"),
        ({HOST: {"CAA": ['0 issue ";"']}, DOMAIN: {"CAA": ['0 issue "letsencrypt.org"']}}, Verdict.BAD, HOST),
        ({}, Verdict.NOTE, "nothing says who"),
    ],
)
def test_who_may_issue_certificates(zones: Zones, verdict: Verdict, words: str) -> None:
    one = only(look(zones, lambda resolver: caa_findings(resolver, TLS, [HOST])))
    assert one.verdict is verdict
    assert words in one.text
    assert verdict is Verdict.GOOD or 'IN CAA 0 issue "letsencrypt.org"' in one.fix


def test_nothing_is_asked_about_authorities_that_are_not_set() -> None:
    assert look({}, lambda resolver: caa_findings(resolver, PLAIN, [HOST])) == []


# ---- the policy itself, over HTTPS

POLICY = Policy(Mode.TESTING, 604_800, (HOST,))
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
PLACE = "mta-sts.example.org"


class _Answers:
    """net.Service: always the same."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    async def serve(self, connection: Connection) -> None:
        await connection.receive()
        connection.send(self._octets)
        await connection.drain()


def fetched(folder: Path, octets: bytes, name: str = PLACE) -> Finding:
    now = SystemClock().now()
    root: Issued = issue("Root", ca=True, now=now)
    served = ServerTls(*issue(name, root, now=now).write(folder))
    trusting = client_context(verify=True, cafile=root.write(folder / "root")[0])

    async def look_at(resolver: InspectingResolver) -> AsyncIterator[Finding]:
        listener = Listener("web", _Answers(octets), NetSettings(), tls=served.context)
        listener.bind(["127.0.0.1:0"])
        await listener.start()
        try:
            client = HttpsClient(Dialer(NetSettings()), lambda: trusting, max_octets=1000, timeout_seconds=5)
            async for one in policy_file_findings(resolver, client, TLS, POLICY, listener.ports[0]):
                yield one
        finally:
            await listener.stop()

    return only(look({PLACE: {"A": ["127.0.0.1"]}}, look_at))


@pytest.mark.parametrize(
    ("octets", "verdict", "words"),
    [
        (http_response(200, "OK", TEXT, POLICY.file), Verdict.GOOD, "mode testing"),
        (http_response(404, "Not Found", {}), Verdict.BAD, "answers 404"),
        (http_response(200, "OK", {"Content-Type": "text/html"}, POLICY.file), Verdict.BAD, "is text/html"),
        (http_response(200, "OK", {}, POLICY.file), Verdict.BAD, "of no type"),
        (http_response(200, "OK", TEXT, b"hello"), Verdict.BAD, "is no policy"),
        (
            http_response(200, "OK", TEXT, Policy(Mode.ENFORCE, 1, ("x.test",)).file),
            Verdict.BAD,
            "not the policy of the settings: version: STSv1 / mode: enforce / mx: x.test",
        ),
        (http_response(200, "OK", TEXT, b"x" * 2000), Verdict.UNASKED, "more than 1000 octets"),
        (b"EHLO\r\n\r\n", Verdict.UNASKED, "not a response"),
    ],
)
def test_the_policy_as_others_fetch_it(tmp_path: Path, octets: bytes, verdict: Verdict, words: str) -> None:
    one = fetched(tmp_path, octets)
    assert one.verdict is verdict
    assert words in one.text


def test_a_certificate_without_the_name(tmp_path: Path) -> None:
    one = fetched(tmp_path, http_response(200, "OK", TEXT, POLICY.file), name=HOST)
    assert one.verdict is Verdict.BAD
    assert f"has the name {PLACE} too" in one.fix


def test_a_policy_that_can_not_be_found_or_reached() -> None:
    client = HttpsClient(Dialer(NetSettings()), lambda: client_context(verify=True), max_octets=1000, timeout_seconds=2)
    one = only(look({}, lambda resolver: policy_file_findings(resolver, client, TLS, POLICY)))
    assert (one.verdict, one.fix) == (Verdict.BAD, f"publish: {PLACE}. IN CNAME {HOST}.")
    zones = {PLACE: {"A": ["127.0.0.1"]}}
    one = only(look(zones, lambda resolver: policy_file_findings(resolver, client, TLS, POLICY, _closed_port())))
    assert one.verdict is Verdict.UNASKED


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
