"""DANE (RFC 7672) and MTA-STS (RFC 8461), with an unbound that validates and a Postfix with certificates of all kinds.

Each case is a domain with one host, an address of its own on loopback. Its mail is sent, or it waits; what is not safe
enough never leaves.
"""

import os
import pwd
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.interop.clients import need
from tests.interop.relays import Relay, folder_for_others, running_postfix, submit
from tests.interop.server import Server, start_server, stop_server
from tests.interop.signed_zones import SignedDnsServer, unbound
from tests.mailauth.authority import Issued, issue

from postroom.journal import stories

pytestmark = pytest.mark.interop

Tlsa = Callable[[Issued], str]


def end_entity(cert: Issued) -> str:
    return f"3 1 1 {sha256(cert.spki).hexdigest()}"


def whole_certificate(cert: Issued) -> str:
    return f"3 0 0 {cert.der.hex()}"


def authority(cert: Issued) -> str:
    assert cert.above is not None
    return f"2 0 1 {sha256(cert.above.der).hexdigest()}"


def somebody_else(cert: Issued) -> str:
    return f"3 1 1 {sha256(b'another key').hexdigest()}"


def for_the_web(cert: Issued) -> str:
    """A usage that mail servers do not use (RFC 7672 §3.1.3)."""
    return f"1 1 1 {sha256(b'another key').hexdigest()}"


@dataclass(frozen=True)
class Case:
    """One domain. `sent`: what the trace says of the session's TLS; `waits`: what it says of the refusal."""

    name: str
    sent: str = ""
    waits: str = ""
    tlsa: tuple[Tlsa, ...] = ()
    policy: str = ""  # MTA-STS: its mode; "" for none
    policy_host: str = "mx"  # the host that the policy names, under the domain
    policy_certificate: bool = True  # the Web server's is right
    tls: bool = True  # the host has STARTTLS
    trusted: bool = True  # its certificate is by the authority that we trust
    certificate_for: str = "mx"
    days: tuple[float, float] = (-1, 30)
    zone: str = "signed.test"
    spoiled: str = ""  # the records whose signature is wrong

    @property
    def domain(self) -> str:
        return f"{self.name}.{self.zone}"


CASES = [
    # DANE
    Case("ee", sent="DANE: its certificate is that of TLSA 3 1 1", tlsa=(end_entity,), trusted=False),
    Case("ee-whole", sent="that of TLSA 3 0 0", tlsa=(whole_certificate,), trusted=False),
    Case("ee-one-of-two", sent="DANE: .*TLSA 3 1 1", tlsa=(somebody_else, end_entity), trusted=False),
    Case("ee-expired", sent="DANE: .*TLSA 3 1 1", tlsa=(end_entity,), days=(-30, -1)),
    Case("ee-other-name", sent="DANE: .*TLSA 3 1 1", tlsa=(end_entity,), certificate_for="elsewhere"),
    Case("ta", sent="DANE: its certificate is issued by that of TLSA 2 0 1", tlsa=(authority,)),
    Case(
        "ta-other-name", waits="DANE: its certificate is for elsewhere", tlsa=(authority,), certificate_for="elsewhere"
    ),
    Case("ta-expired", waits="DANE: .* is not valid now", tlsa=(authority,), days=(-30, -1)),
    Case("wrong", waits="DANE: its certificate is none of those", tlsa=(somebody_else,)),
    Case("no-starttls", waits="does not offer TLS", tlsa=(end_entity,), tls=False),
    Case("unusable", sent="DANE: encrypted; no TLSA record is usable", tlsa=(for_the_web,), trusted=False),
    Case("unusable-no-starttls", waits="does not offer TLS", tlsa=(for_the_web,), tls=False),
    Case("tlsa-lie", waits="TLSA .*SERVFAIL", tlsa=(end_entity,), spoiled="TLSA"),
    Case("mx-lie", waits="4.4.3 DNS", tlsa=(end_entity,), spoiled="MX"),
    Case("address-lie", waits="4.4.3 mx.*DNS", tlsa=(end_entity,), spoiled="A"),
    Case(
        "insecure", sent="TLSv1.*any certificate will do", tlsa=(somebody_else,), zone="plain.test"
    ),  # nobody vouches for the records
    Case("insecure-no-starttls", sent="", tlsa=(somebody_else,), zone="plain.test", tls=False),
    # MTA-STS
    Case("sts", sent=r"MTA-STS \(enforce\): its certificate is trusted and has the right name", policy="enforce"),
    Case(
        "sts-plain-zone", sent=r"MTA-STS \(enforce\): its certificate is trusted", policy="enforce", zone="plain.test"
    ),
    Case("sts-untrusted", waits="certificate verify failed: self-signed", policy="enforce", trusted=False),
    Case(
        "sts-other-name",
        waits=r"MTA-STS \(enforce\): its certificate is for elsewhere",
        policy="enforce",
        certificate_for="elsewhere",
    ),
    Case("sts-expired", waits="certificate verify failed: certificate has expired", policy="enforce", days=(-30, -1)),
    Case("sts-no-starttls", waits="does not offer TLS", policy="enforce", tls=False),
    Case(
        "sts-other-host",
        waits="is not among the servers that .* names in its MTA-STS policy",
        policy="enforce",
        policy_host="other",
    ),
    Case("sts-testing", sent=r"TLSv1.*MTA-STS \(testing\), not met", policy="testing", trusted=False),
    Case("sts-testing-no-starttls", sent="", policy="testing", tls=False),
    Case("sts-none", sent="TLSv1.*any certificate will do", policy="none", trusted=False),
    Case(
        "sts-unproven", sent="TLSv1.*any certificate will do", policy="enforce", policy_certificate=False, trusted=False
    ),
    # both: DANE decides
    Case(
        "dane-not-sts",
        sent="DANE: its certificate is that of TLSA 3 1 1",
        tlsa=(end_entity,),
        policy="enforce",
        trusted=False,
    ),
    Case("dane-against-sts", waits="DANE: its certificate is none of those", tlsa=(somebody_else,), policy="enforce"),
]


class Web(ThreadingHTTPServer):
    """Serves each domain's policy; of some the certificate is for another name."""

    def __init__(self, folder: Path, root: Issued) -> None:
        super().__init__(("127.0.0.2", 0), _Policies)
        now = time.time()
        wrong = {case.domain for case in CASES if not case.policy_certificate}
        self.contexts: dict[bool, ssl.SSLContext] = {}
        for right in (True, False):
            names = tuple(f"mta-sts.{case.domain}" for case in CASES if case.policy) if right else ("wrong.test",)
            self.contexts[right] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.contexts[right].load_cert_chain(*issue("web", root, dns=names, now=now).write(folder / f"{right}"))

        def choose(sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
            sock.context = self.contexts[(name or "").removeprefix("mta-sts.") not in wrong]

        self.contexts[True].sni_callback = choose
        self.socket = self.contexts[True].wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join(10)


class _Policies(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        domain = (self.headers["Host"] or "").partition(":")[0].removeprefix("mta-sts.")
        case = next(case for case in CASES if case.domain == domain)
        mx = f"mx: {case.policy_host}.{domain}\r\n" if case.policy != "none" else ""
        body = f"version: STSv1\r\nmode: {case.policy}\r\n{mx}max_age: 86400\r\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


def _certificates(root: Issued) -> dict[str, Issued]:
    untrusted = issue("Nobody", ca=True, now=time.time())
    return {
        case.name: issue(
            f"{case.certificate_for}.{case.domain}",
            root if case.trusted else untrusted,
            days=case.days,
            now=time.time(),
        )
        for case in CASES
    }


def _address(case: Case) -> str:
    return f"127.0.1.{CASES.index(case) + 1}"


def _names(certificates: dict[str, Issued], port: int) -> SignedDnsServer:
    zones: dict[str, dict[str, dict[str, list[str]]]] = {"signed.test": {}, "plain.test": {}}
    for case in CASES:
        zone, mx = zones[case.zone], f"mx.{case.domain}"
        zone[case.domain] = {"MX": [f"10 {mx}."]}
        zone[mx] = {"A": [_address(case)]}
        if case.tlsa:
            zone[f"_{port}._tcp.{mx}"] = {"TLSA": [make(certificates[case.name]) for make in case.tlsa]}
        if case.policy:
            text = "v=STSv1; id=20261126;"
            zone[f"_mta-sts.{case.domain}"] = {"TXT": [f'"{text}"' if case.zone == "signed.test" else text]}
            zone[f"mta-sts.{case.domain}"] = {"A": ["127.0.0.2"]}
    server = SignedDnsServer(zones["plain.test"], {"signed.test": zones["signed.test"]})
    for case in CASES:
        at = {"MX": case.domain, "A": f"mx.{case.domain}", "TLSA": f"_{port}._tcp.mx.{case.domain}"}
        if case.spoiled:
            server.signed["signed.test"].spoiled.add((at[case.spoiled], case.spoiled))
    return server


@contextmanager
def _peer(folder: Path, certificates: dict[str, Issued], port: int) -> Iterator[None]:
    """One Postfix, a service of it for each case; it takes everything and keeps nothing."""
    need("postfix")
    owner = pwd.getpwnam("postfix")
    etc = folder / "etc"
    etc.mkdir()
    services: dict[str, str] = {}
    for case in CASES:
        chain, key = certificates[case.name].write(etc / case.name)
        os.chown(key, owner.pw_uid, owner.pw_gid)
        tls = f"smtpd_tls_chain_files={key},{chain}" if case.tls else "smtpd_tls_security_level=none"
        services[_address(case)] = f" -o {tls}"
    relay = Relay("peer.test", folder, port, [])
    with running_postfix(relay, "default_transport = discard:\n", services, owner):
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Postroom that believes unbound and one authority, and all that is around it."""
    if os.geteuid() != 0:
        pytest.skip("Postfix can only be started by root")
    folder = tmp_path_factory.mktemp("dane")
    root = issue("Root", ca=True, now=time.time())
    authorities = root.write(folder / "root")[0]
    certificates = _certificates(root)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        port, dns_port = int(one.getsockname()[1]), int(two.getsockname()[1])
    with ExitStack() as stack:
        names = stack.enter_context(_names(certificates, port).serving())
        nameserver = stack.enter_context(unbound(folder, names, dns_port))
        web = Web(folder / "web", root)
        stack.callback(web.stop)
        stack.enter_context(_peer(stack.enter_context(folder_for_others()), certificates, port))

        def settings(text: str) -> str:
            for section, lines in {
                "delivery": f"port = {port}\nrefuse_networks = []",
                "dns": f'nameservers = ["{nameserver}"]',
                "outbound_tls": f'authorities = "{authorities}"\nmta_sts_port = {web.server_port}',
            }.items():
                assert f"\n[{section}]\n" in text
                text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{lines}\n")
            return text

        server = start_server(folder / "postroom", "example.test", ["alice@example.test"], settings)
        stack.callback(stop_server, server)
        yield server


def _attempt(server: Server, to: str) -> tuple[dict[str, object], str]:
    """The first attempt's end, and all that was said on the way there."""
    deadline = time.monotonic() + 30
    while True:
        for story in stories(server.folder / "data" / "journal", to, 1):
            for step in story.steps:
                if step.name == "attempt":
                    return dict(step.facts), server.cli("trace", to)
        assert time.monotonic() < deadline, server.cli("trace", to)
        time.sleep(0.05)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mail_goes_where_it_may(server: Server, case: Case) -> None:
    to = f"bob@{case.domain}"
    submit(server, to, b"Subject: secret\r\n\r\nonly for the right host\r\n")
    attempt, story = _attempt(server, to)
    last = story.splitlines()[-1]
    assert attempt["status"] == ("deferred" if case.waits else "sent"), story
    assert re.search(case.waits or case.sent, last), story
    if not case.waits and not case.sent:
        assert "in the clear" in last, story
