"""Deliveries under DANE, MTA-STS, settings and REQUIRETLS: real handshakes with servers on loopback."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.delivery.peer import Peer
from tests.delivery.sts_web import POLICY, StsWeb, plain
from tests.delivery.world import MESSAGE, World, play
from tests.mailauth.authority import Issued, issue

from postroom.base import SystemClock
from postroom.delivery import (
    ClientContexts,
    OutboundTls,
    OutboundTlsSettings,
    StsPolicies,
    TlsDatabase,
    TlsReportSettings,
    TlsResults,
)
from postroom.delivery.report_results import day_of
from postroom.delivery.tls_results import results_of
from postroom.mailauth import Tlsa, tlsa_for
from postroom.net import Dialer, HttpsClient, NetSettings
from postroom.queue import Envelope

NOW = SystemClock().now()
ROOT = issue("Root", ca=True, now=NOW)
TLS = ("PIPELINING", "STARTTLS")
REQUIRETLS = (*TLS, "REQUIRETLS")


class TlsWorld:
    """A World with certificates and a Web server for policies."""

    def __init__(self, world: World, folder: Path, web: StsWeb) -> None:
        self.world = world
        self.folder = folder
        self.web = web
        self.database = TlsDatabase(None)
        self.results = TlsResults(self.database, world.clock, TlsReportSettings(send=True))
        self.sts: StsPolicies | None = None

    def settings(self, **settings: Any) -> None:
        """To be called before the first delivery."""
        made = OutboundTlsSettings(authorities=str(self.web.authorities), mta_sts_port=self.web.port, **settings)
        contexts = ClientContexts(made.authorities)
        client = HttpsClient(Dialer(NetSettings()), lambda: contexts.named, max_octets=65_536, timeout_seconds=5)
        self.sts = StsPolicies(self.world.resolver, client, self.database, self.world.clock, made)
        self.world.outbound_tls = OutboundTls(self.world.resolver, made, contexts, self.sts, self.results)

    async def peer(self, certificate: Issued | None, extensions: tuple[str, ...] = TLS, preference: int = 10) -> Peer:
        """An MX of b.test with this certificate; None: without TLS."""
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate.write(self.folder / f"peer{len(self.world.peers)}"))
        offered = extensions if certificate is not None else ("PIPELINING",)
        return await self.world.peer(Peer(extensions=offered, tls=context), preference=preference)

    def publish(self, number: int, *records: Tlsa) -> None:
        """TLSA records of the peer of that number, everything validated."""
        world = self.world
        world.resolver.secure.add("*")
        name = f"_{world.settings.port}._tcp.mx{number}.b.test"
        world.resolver.tlsa_records[name] = [bytes((r.usage, r.selector, r.matching)) + r.data for r in records]

    def publish_sts(self, policy: bytes = POLICY) -> None:
        self.world.resolver.txt_records["_mta-sts.b.test"] = ["v=STSv1; id=1;"]
        self.world.resolver.a_records["mta-sts.b.test"] = ["127.0.0.1"]
        self.web.answer = plain(policy)

    async def send(self, envelope: Envelope | None = None, content: bytes = MESSAGE) -> str:
        """Deliver one message; what its entry says then, or the report; "" when it was sent."""
        await self.world.put(envelope=envelope, content=content)
        if self.world.outbound_tls is None:
            self.settings()
        await self.world.deliverer.deliver_due_now()
        entries = await self.world.entries()
        if entries:
            return entries[-1].last_reply
        return "\n".join(self.world.mailboxes.reports)


def scene_with_tls(folder: Path, scene: Callable[[TlsWorld], Awaitable[None]]) -> None:
    async def whole(world: World) -> None:
        web = await StsWeb(folder, "mta-sts.b.test", root=ROOT).start()
        tls = TlsWorld(world, folder, web)
        try:
            await world.clock.advance(NOW - world.clock.now())
            await scene(tls)
        finally:
            if tls.sts is not None:
                await tls.sts.close()
            await web.stop()
            tls.database.close()

    play(whole)


def mx(number: int = 1, **options: Any) -> Issued:
    return issue(f"mx{number}.b.test", ROOT, now=NOW, **options)


def test_dane_takes_a_self_signed_certificate(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        certificate = issue("whoever.test", now=NOW, days=(-10, -5))
        peer = await tls.peer(certificate)
        tls.publish(1, tlsa_for(certificate.certificate))
        assert await tls.send() == ""
        assert peer.secure == [True]

    scene_with_tls(tmp_path, scene)


@pytest.mark.parametrize("fault", ["another certificate", "no TLS", "TLSA fails"])
def test_a_host_that_fails_dane_is_passed_over(tmp_path: Path, fault: str) -> None:
    async def scene(tls: TlsWorld) -> None:
        certificate = issue("mx1.b.test", now=NOW)
        first = await tls.peer(None if fault == "no TLS" else certificate, preference=5)
        second = await tls.peer(certificate, preference=20)
        wrong = issue("mx1.b.test", now=NOW) if fault == "another certificate" else certificate
        tls.publish(1, tlsa_for(wrong.certificate))
        tls.publish(2, tlsa_for(certificate.certificate))
        if fault == "TLSA fails":
            tls.world.resolver.failing.add(f"_{tls.world.settings.port}._tcp.mx1.b.test")
        assert await tls.send() == ""
        assert (len(first.taken), len(second.taken)) == (0, 1)
        assert first.secure == []

    scene_with_tls(tmp_path, scene)


def test_without_another_host_mail_waits_and_never_goes_in_the_clear(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(issue("mx1.b.test", now=NOW))
        tls.publish(1, tlsa_for(issue("mx1.b.test", now=NOW).certificate))
        reply = await tls.send()
        assert reply.startswith("454 4.7.5")
        assert "DANE: its certificate is none of those in the TLSA records" in reply
        assert (peer.taken, peer.secure, peer.sessions) == ([], [], 1)

    scene_with_tls(tmp_path, scene)


def test_an_authority_by_dane(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(mx(dns=("b.test",)))
        tls.publish(1, Tlsa(2, 0, 0, ROOT.der))
        assert await tls.send() == ""
        assert len(peer.taken) == 1

    scene_with_tls(tmp_path, scene)


def test_records_that_cannot_be_used_demand_encryption_only(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        plain_peer = await tls.peer(None, preference=5)
        peer = await tls.peer(issue("x.test", now=NOW), preference=20)
        for number in (1, 2):
            tls.publish(number, Tlsa(0, 0, 1, bytes(32)))
        assert await tls.send() == ""
        assert (len(plain_peer.taken), len(peer.taken)) == (0, 1)

    scene_with_tls(tmp_path, scene)


def test_mta_sts_is_enforced(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(mx())
        tls.publish_sts()
        assert await tls.send() == ""
        assert peer.secure == [True]

    scene_with_tls(tmp_path, scene)


FAULTS: dict[str, Callable[[], Issued | None]] = {
    "another name": lambda: issue("mx9.b.test", ROOT, now=NOW),
    "not trusted": lambda: issue("mx1.b.test", now=NOW),
    "expired": lambda: issue("mx1.b.test", ROOT, now=NOW, days=(-10, -5)),
    "no TLS": lambda: None,
    "not named": lambda: mx(),
}
WITHOUT_MX1 = POLICY.replace(b"mx: mx1.b.test\n", b"")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_host_that_fails_an_enforced_policy_gets_nothing(tmp_path: Path, fault: str) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(FAULTS[fault]())
        tls.publish_sts(WITHOUT_MX1 if fault == "not named" else POLICY)
        reply = await tls.send()
        assert reply.split()[0] in ("454", "421")
        assert reply.split()[1].startswith("4.7.")
        assert (peer.taken, peer.secure) == ([], [])

    scene_with_tls(tmp_path, scene)


@pytest.mark.parametrize("fault", FAULTS)
def test_in_testing_it_gets_it_all_the_same(tmp_path: Path, fault: str) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(FAULTS[fault]())
        policy = WITHOUT_MX1 if fault == "not named" else POLICY
        tls.publish_sts(policy.replace(b"enforce", b"testing"))
        assert await tls.send() == ""
        assert peer.secure == [fault != "no TLS"]

    scene_with_tls(tmp_path, scene)


@pytest.mark.parametrize(
    ("demanded", "certificate", "sent"),
    [
        ("verify", mx(), True),
        ("verify", issue("mx1.b.test", now=NOW), False),
        ("verify other.test", issue("other.test", ROOT, now=NOW), True),
        ("verify other.test", mx(), False),
        ("encrypt", issue("x.test", now=NOW), True),
        ("encrypt", None, False),
        ("dane", mx(), False),
        ("never", mx(), True),
    ],
)
def test_what_the_operator_demands(tmp_path: Path, demanded: str, certificate: Issued | None, sent: bool) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(certificate)
        tls.settings(demands={"b.test": demanded})
        reply = await tls.send()
        assert (reply == "") == sent
        assert peer.secure == ([demanded != "never"] if sent else [])
        assert sent or reply.startswith("4")

    scene_with_tls(tmp_path, scene)


def test_an_open_connection_is_not_used_for_what_demands_more(tmp_path: Path) -> None:
    """The policy came after the connection was opened."""

    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(issue("mx1.b.test", now=NOW))
        assert await tls.send() == ""
        assert await tls.send() == ""
        assert peer.sessions == 1
        tls.publish_sts()
        await tls.world.clock.advance(1)  # what was safe enough for the last message is so for the next
        assert (await tls.send())[:9] == "421 4.7.5"
        assert (len(peer.taken), peer.sessions) == (2, 2)

    scene_with_tls(tmp_path, scene)


REQUIRES = Envelope("alice@a.test", require_tls=True)


def test_requiretls_is_asked_for_where_it_is_offered(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(mx(), REQUIRETLS)
        tls.publish_sts()
        assert await tls.send(REQUIRES) == ""
        assert peer.commands[3] == "MAIL FROM:<alice@a.test> REQUIRETLS"
        assert peer.secure == [True]

    scene_with_tls(tmp_path, scene)


@pytest.mark.parametrize(
    ("certificate", "extensions", "certain", "status"),
    [
        (mx(), TLS, True, "5.7.30"),
        (mx(), REQUIRETLS, False, "5.7.30"),
        (None, TLS, True, "5.7.10"),
        (issue("mx1.b.test", now=NOW), REQUIRETLS, True, "5.7.10"),
    ],
)
def test_requiretls_that_can_not_be_had_returns_the_message(
    tmp_path: Path, certificate: Issued | None, extensions: tuple[str, ...], certain: bool, status: str
) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(certificate, extensions)
        if certain:
            tls.publish_sts()
        report = await tls.send(REQUIRES)
        assert f"Status: {status}\r\n" in report
        assert "Hello." not in report  # RFC 8689 §5
        assert peer.taken == []

    scene_with_tls(tmp_path, scene)


def test_requiretls_and_a_certificate_that_dane_refuses(tmp_path: Path) -> None:
    """It waited for five days: that no TLSA record matched was taken for a connection that broke."""

    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(issue("mx1.b.test", now=NOW), REQUIRETLS)
        tls.publish(1, tlsa_for(issue("mx1.b.test", now=NOW).certificate))
        assert "Status: 5.7.10\r\n" in await tls.send(REQUIRES)
        assert peer.taken == []

    scene_with_tls(tmp_path, scene)


def test_requiretls_by_dane(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        certificate = issue("mx1.b.test", now=NOW)
        peer = await tls.peer(certificate, REQUIRETLS)
        tls.publish(1, tlsa_for(certificate.certificate))
        assert await tls.send(REQUIRES) == ""
        assert len(peer.taken) == 1

    scene_with_tls(tmp_path, scene)


def test_requiretls_looks_for_a_host_that_offers_it(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        first = await tls.peer(mx(1), TLS, preference=5)
        second = await tls.peer(mx(2), REQUIRETLS, preference=20)
        tls.publish_sts(POLICY.replace(b"mx1", b"*"))
        assert await tls.send(REQUIRES) == ""
        assert (len(first.taken), len(second.taken)) == (0, 1)

    scene_with_tls(tmp_path, scene)


def test_an_open_connection_without_requiretls_is_not_used_for_it(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(issue("mx1.b.test", now=NOW), REQUIRETLS)
        tls.publish_sts(POLICY.replace(b"enforce", b"testing"))
        assert await tls.send() == ""
        assert "Status: 5.7.10\r\n" in await tls.send(REQUIRES)
        assert len(peer.taken) == 1

    scene_with_tls(tmp_path, scene)


def test_tls_required_no(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        peer = await tls.peer(None)
        tls.publish_sts()
        assert await tls.send(content=b"TLS-Required: No\r\n" + MESSAGE) == ""
        assert len(peer.taken) == 1

    scene_with_tls(tmp_path, scene)


def test_who_demanded_what_is_noted(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        certificate = issue("mx1.b.test", now=NOW)
        await tls.peer(certificate, preference=5)
        await tls.peer(certificate, preference=20)
        tls.publish(1, tlsa_for(issue("mx1.b.test", now=NOW).certificate))
        tls.publish(2, tlsa_for(certificate.certificate))
        assert await tls.send() == ""
        (call,) = tls.world.steps.of("call")
        assert call["tls_by"] == "DANE"
        (attempt,) = tls.world.steps.of("attempt")
        assert attempt["tls_by"] == "DANE: its certificate is that of TLSA 3 1 1"
        assert str(attempt["tls"]).startswith("TLSv1.3")

    scene_with_tls(tmp_path, scene)


TESTING = POLICY.replace(b"enforce", b"testing")


@pytest.mark.parametrize(
    ("certificate", "policy", "kind", "successes", "failure"),
    [
        (mx(), POLICY, "sts", 1, None),
        (mx(), None, "no-policy-found", 1, None),
        (None, None, "no-policy-found", 0, "starttls-not-supported"),
        (None, POLICY, "sts", 0, "starttls-not-supported"),
        (issue("mx1.b.test", ROOT, now=NOW, days=(-10, -5)), TESTING, "sts", 0, "certificate-expired"),
        (issue("mx1.b.test", now=NOW), POLICY, "sts", 0, "certificate-not-trusted"),
        (issue("mx9.b.test", ROOT, now=NOW), POLICY, "sts", 0, "certificate-host-mismatch"),
        (mx(), WITHOUT_MX1, "sts", 0, "validation-failure"),
        (mx(), WITHOUT_MX1.replace(b"enforce", b"testing"), "sts", 0, "validation-failure"),
        (mx(), b"junk", "sts", 0, "sts-policy-invalid"),
    ],
)
def test_what_is_counted_for_reports(
    tmp_path: Path, certificate: Issued | None, policy: bytes | None, kind: str, successes: int, failure: str | None
) -> None:
    async def scene(tls: TlsWorld) -> None:
        await tls.peer(certificate)
        if policy is not None:
            tls.publish_sts(policy)
        await tls.send()
        await tls.results.flush()
        day = day_of(tls.world.clock.now())
        (found,) = tls.database.now(lambda db: results_of(db, day, "b.test"))
        assert (found.kind, found.successes) == (kind, successes)
        assert [one.result_type for one in found.failures] == ([failure] if failure else [])
        if failure:
            assert found.failures[0].mx == "mx1.b.test"
            assert found.failures[0].count == 1

    scene_with_tls(tmp_path, scene)


def test_what_dane_finds_is_counted(tmp_path: Path) -> None:
    async def scene(tls: TlsWorld) -> None:
        certificate = issue("mx1.b.test", now=NOW)
        await tls.peer(certificate, preference=5)
        await tls.peer(certificate, preference=20)
        tls.publish(1, tlsa_for(issue("mx1.b.test", now=NOW).certificate))
        tls.publish(2, tlsa_for(certificate.certificate))
        await tls.send()
        await tls.results.flush()
        day = day_of(tls.world.clock.now())
        found = tls.database.now(lambda db: results_of(db, day, "b.test"))
        assert {(one.kind, one.successes, one.failure_count) for one in found} == {("tlsa", 1, 0), ("tlsa", 0, 1)}
        (failure,) = [failure for one in found for failure in one.failures]
        assert failure.result_type == "validation-failure"
        assert failure.sending_ip.startswith("127.")

    scene_with_tls(tmp_path, scene)
