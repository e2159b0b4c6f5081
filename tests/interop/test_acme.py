"""Certificates from pebble, a real ACME server, which refuses a fifth of all good nonces: by all three challenges."""

import functools
import imaplib
import json
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from tests.interop.acme_authority import EAB_KEY, Authority, authority
from tests.interop.server import PASSWORD, Server, start_server, stop_server

from postroom.net import covers, names_of

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not shutil.which("pebble"), reason="Debian's pebble is not installed"),
]
NAMES = ["mta-sts.example.test", "autoconfig.example.test", "autodiscover.example.test"]


def started(folder: Path, ca: Authority, workers: int = 1, /, **acme: object) -> Server:
    """A server whose certificates come from `ca`, with listeners where that looks."""

    def edit(text: str) -> str:
        for section, values in {
            "listen": f'acme_http = ["127.0.0.1:{ca.http}"]\npolicy_host = ["127.0.0.1:{ca.tls}"]',
            "dns": f'nameservers = ["127.0.0.1:{ca.asked}"]',
            "tls": "reload_interval_seconds = 0.2",
            "process": f"workers = {workers}",
            "acme": ca.settings(**acme),
        }.items():
            text = text.replace(f"\n[{section}]\n", f"\n[{section}]\n{values}\n", 1)
        return text

    return start_server(folder, "example.test", ["alice@example.test"], edit)


def shown(port: int, name: str) -> x509.Certificate:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 5) as sock,
        context.wrap_socket(sock, server_hostname=name) as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(True) or b"")


def until(condition: Callable[[], object], server: Server, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (server.folder / "server.log").read_text()
        time.sleep(0.1)


def by_pebble(port: int, name: str) -> bool:
    """Whether one that the authority has made for it is shown to who asks for `name`."""
    certificate = shown(port, name)
    return "Pebble" in certificate.issuer.rfc4514_string() and covers(names_of(certificate), name)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01", "dns-01"])
def test_certificates_are_had_and_shown_by_name(tmp_path: Path, challenge: str) -> None:
    """For this server's name and those of its domain, by two workers, of which either may be asked for the proof."""
    with authority(tmp_path / "ca") as ca:
        more: dict[str, object] = {}
        if challenge == "dns-01":
            more = {"dns_command": ca.txt_command(), "dns_wait_seconds": 0}
            more["names"] = {"wild": ["*.wild.test", "wild.test"]}
        server = started(tmp_path / "s", ca, 2, challenge=challenge, **more)
        try:
            for port, name in ((server.ports["imaps"], "mail.example.test"), (ca.tls, NAMES[0])):
                until(functools.partial(by_pebble, port, name), server)
            assert sorted(names_of(shown(ca.tls, NAMES[2]))) == sorted(NAMES)
            if challenge == "dns-01":
                until(lambda: by_pebble(ca.tls, "any.wild.test"), server)
            rows = {row["name"]: row for row in json.loads(server.cli("certificate", "list", "--json"))}
            assert rows["hostname"]["hosts"] == ["mail.example.test"]
            assert not any(row["trouble"] for row in rows.values())
            for path in (server.folder / "data" / "tls").rglob("*.pem"):
                assert path.stat().st_mode & 0o077 == 0, path
            left = list((server.folder / "data" / "tls" / "acme" / "answers").rglob("*"))
            assert not [path for path in left if path.is_file()]
        finally:
            stop_server(server)


def test_renewal_keeps_the_key_until_another_is_wanted(tmp_path: Path) -> None:
    """So that a TLSA record stays right (DANE); the command line orders beside the running server, which answers."""
    with authority(tmp_path / "ca", eab=True) as ca:
        (tmp_path / "eab").write_text(EAB_KEY + "\n")
        more: dict[str, object] = {"look_seconds": 3600, "eab_key_id": "kid-1", "eab_key_file": str(tmp_path / "eab")}
        server = started(tmp_path / "s", ca, **more)
        port, name = server.ports["imaps"], "mail.example.test"
        try:
            until(lambda: by_pebble(port, name), server)
            until(lambda: by_pebble(ca.tls, NAMES[0]), server)
            first = shown(port, name)
            tlsa = server.cli("dns", "example.test")
            server.cli("certificate", "renew")
            until(lambda: shown(port, name) != first, server)
            second = shown(port, name)
            assert second.public_key() == first.public_key()
            assert server.cli("dns", "example.test") == tlsa
            record = server.cli("certificate", "next-key").split()[-1]
            server.cli("certificate", "renew")
            until(lambda: shown(port, name) != second, server)
            assert shown(port, name).public_key() != second.public_key()
            assert f"3 1 1 {record}" in server.cli("dns", "example.test").lower()
            server.cli("certificate", "order", "web", "www.example.test", "example.test")
            until(lambda: by_pebble(port, "www.example.test"), server)
        finally:
            stop_server(server)


def test_it_is_renewed_by_itself_with_a_third_of_its_life_left(tmp_path: Path) -> None:
    """pebble's last for five years: here nearly all of that has to be left."""
    with authority(tmp_path / "ca") as ca:
        server = started(tmp_path / "s", ca, renew_at_fraction=0.999999999, domain_hosts=[])
        try:
            until(lambda: by_pebble(server.ports["imaps"], "mail.example.test"), server)
            first = shown(server.ports["imaps"], "mail.example.test")
            until(lambda: shown(server.ports["imaps"], "mail.example.test") != first, server)
        finally:
            stop_server(server)


def test_a_failed_validation_is_told_to_the_log_the_postmaster_and_check(tmp_path: Path) -> None:
    with authority(tmp_path / "ca") as ca:
        ca.lead("mail.example.test", ["127.0.0.9"])  # nobody answers there
        server = started(tmp_path / "s", ca, domain_hosts=[])
        log = server.folder / "server.log"
        try:
            until(
                lambda: "no certificate for mail.example.test: mail.example.test: http-01 failed" in log.read_text(),
                server,
            )
            until(
                lambda: "The certificate hostname (mail.example.test) could not be had, 1 time(s)" in log.read_text(),
                server,
            )
            [row] = json.loads(server.cli("certificate", "list", "--json"))
            assert "connection" in row["trouble"]
            with pytest.raises(AssertionError, match="could not be had from the authority, 1 time"):
                server.cli("check")
            with pytest.raises(AssertionError, match="http-01 failed"):
                server.cli("certificate", "order", "hostname")

            def told() -> bool:
                return "No certificate for mail.example.test" in _inbox(server)

            until(told, server)
            assert by_pebble(server.ports["imaps"], "mail.example.test") is False
        finally:
            stop_server(server)


def _inbox(server: Server) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as imap:
        imap.login("alice@example.test", PASSWORD)
        imap.select("INBOX")
        _, found = imap.fetch("1:*", "(BODY.PEEK[])")
        return "".join(part[1].decode() for part in found if isinstance(part, tuple))
