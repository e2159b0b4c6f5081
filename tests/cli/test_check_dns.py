"""`postroom check dns`: through the command, with a name server on loopback."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from tests.cli.room import Room
from tests.mailauth.authority import issue

from postroom.cli.check_dns import Job, collected
from postroom.cli.findings import Finding, Verdict, good
from postroom.dns import DnsTemporary, TestDnsServer
from postroom.net import ConnectFailed, Dialer

ALL_WELL: dict[str, Mapping[str, Sequence[str]]] = {
    "example.org": {"MX": ["10 mail.example.org."], "TXT": ["v=spf1 mx -all"]},
    "mail.example.org": {"A": ["198.41.0.4"], "TXT": ["v=spf1 a -all"], "CAA": ['0 issue "letsencrypt.org"']},
    "4.0.41.198.in-addr.arpa": {"PTR": ["mail.example.org."]},
    "_dmarc.example.org": {"TXT": ["v=DMARC1; p=quarantine"]},
    "_imaps._tcp.example.org": {"SRV": ["0 1 993 mail.example.org."]},
    "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "signed.test": {"A": ["192.0.2.1"]},
}
NOBODY = """
outbound_hosts = []
time_hosts = []
block_lists = ["bl.test"]
signed_name = "signed.test"
timeout_seconds = 0.5
total_timeout_seconds = 5
"""


@pytest.fixture(autouse=True)
def nobody_else_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses here are those of others; the calls themselves have tests of their own."""

    async def refuse(*_: object, **__: object) -> None:
        raise ConnectFailed("network is unreachable")

    monkeypatch.setattr(Dialer, "connect", refuse)


@contextmanager
def name_server(change: Callable[[TestDnsServer], None] = lambda _: None) -> Iterator[str]:
    """In a thread, as the command has a loop of its own; its address."""
    ready, done = Event(), Event()
    addresses: list[str] = []

    async def serve() -> None:
        async with TestDnsServer(ALL_WELL) as server:
            server.secure.add("signed.test")
            change(server)
            addresses.append(server.address)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield addresses[0]
    finally:
        done.set()
        thread.join()


def settle(room: Room, address: str, zone: str = NOBODY) -> None:
    lines = f'[dns]\nnameservers = ["{address}"]\n[listen]\nimaps = ["127.0.0.1:993"]\n[zone]\n{zone}\n'
    room.config.write_text(room.config.read_text() + lines + 'addresses = ["198.41.0.4"]\n')


def findings(output: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(output)["findings"]
    assert all(set(one) == {"verdict", "subject", "text", "why", "fix"} for one in found)
    return found


def test_the_zone_and_what_is_seen_of_it(room: Room) -> None:
    keys = [one for one in room.json("dns", "example.org") if "._domainkey." in one["name"]]

    def publish(server: TestDnsServer) -> None:
        for one in keys:
            server.zones[one["name"]] = {"TXT": [one["value"].replace('" "', "").strip('"')]}

    with name_server(publish) as address:
        settle(room, address)
        result = room.run("check", "dns", "Example.ORG", "--json")
        text = room.run("check", "dns")
    verdicts = {one["subject"]: one["verdict"] for one in findings(result.stdout)}
    # a test machine does not have the address 198.41.0.4, so whether others reach it can't be known from here
    assert verdicts.pop("port 25 in") == "unasked"
    assert len(keys) == 2
    assert set(verdicts) >= {"dkim", "address", "reverse", "mx", "spf", "caa", "clients", "block lists", "dnssec"}
    assert set(verdicts.values()) == {"good"}
    assert result.exit_code == 4
    names = {(one["name"], one["type"]) for one in json.loads(result.stdout)["records"]}
    assert {("example.org.", "MX"), ("_dmarc.example.org.", "TXT"), ("mail.example.org.", "CAA")} <= names
    assert text.exit_code == 4
    assert "; to be published for example.org\n" in text.stdout
    assert "ok    mx: mail for example.org goes to mail.example.org" in text.stdout
    assert "??    port 25 in: " in text.stdout
    assert text.stdout.endswith("Nothing wrong was found. 1 thing(s) could not be asked.\n")


def _published(rows: list[dict[str, str]]) -> dict[str, dict[str, list[str]]]:
    """Records as they are printed, as a name server has them."""
    zones: dict[str, dict[str, list[str]]] = {}
    for one in rows:
        value = one["value"].replace('" "', "").strip('"') if one["type"] == "TXT" else one["value"]
        zones.setdefault(one["name"], {}).setdefault(one["type"], []).append(value)
    return zones


def test_the_zone_that_is_printed_is_right(room: Room, tmp_path: Path) -> None:
    """Pasted as it is, with everything in it, it leaves nothing to be repaired."""
    now = time.time()
    names = ("mail.example.org", "mta-sts.example.org", "autoconfig.example.org", "autodiscover.example.org")
    chain, key = issue(names[0], issue("Root", ca=True, now=now), dns=names, now=now).write(tmp_path / "tls")
    room.config.write_text(
        room.config.read_text()
        + f'[tls]\ncertificate = "{chain}"\nkey = "{key}"\n[tls_reports]\nread_from = "tls@example.org"\n'
        + '[listen]\nsubmissions = ["0.0.0.0:465"]\nimap = ["0.0.0.0:1143"]\npolicy_host = ["0.0.0.0:443"]\n'
        + '[delivery]\nsource_ipv4 = "192.41.0.9"\n[zone]\n'
        + NOBODY
        + 'addresses = ["198.41.0.4", "2001:503:ba3e::2:30"]\ndmarc_reports_to = "dmarc@reports.test"\n'
    )
    rows = room.json("dns", "example.org")
    kinds = {one["type"] for one in rows}
    assert kinds == {"MX", "A", "AAAA", "TXT", "TLSA", "CNAME", "CAA", "SRV"}

    def publish(server: TestDnsServer) -> None:
        server.zones.update(_published(rows))
        server.zones["reports.test"] = {"A": ["192.0.2.3"]}
        server.secure.add("*")

    with name_server(publish) as address:
        room.config.write_text(room.config.read_text() + f'[dns]\nnameservers = ["{address}"]\n')
        found = findings(room.run("check", "dns", "example.org", "--json").stdout)
    wrong = [one for one in found if one["verdict"] not in ("good", "unasked")]
    reverse = [one for one in wrong if one["subject"] == "reverse"]  # which is not in this zone
    assert len(reverse) == 2
    assert [one for one in wrong if one not in reverse] == []
    asked = {one["subject"] for one in found if one["verdict"] == "good"}
    assert asked >= {"address", "mx", "spf", "dkim", "dmarc", "tlsa", "mta-sts", "tls-reports", "caa", "clients"}


def test_what_is_wrong_has_a_reason_and_a_record(room: Room) -> None:
    def wrong(server: TestDnsServer) -> None:
        server.zones["example.org"] = {"MX": ["10 other.test."], "TXT": ["v=spf1 mx -all"]}

    with name_server(wrong) as address:
        settle(room, address)
        result = room.run("check", "dns", "example.org")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    at = lines.index("BAD   mx: mail for example.org goes to other.test, not to mail.example.org")
    assert lines[at + 1].startswith("        why: other servers bring mail")
    assert lines[at + 2] == "        fix: publish: example.org. IN MX 10 mail.example.org."


def test_without_any_answer_it_ends_soon_and_says_so(room: Room) -> None:
    """No way to the Internet: the name server is silent."""

    def silent(server: TestDnsServer) -> None:
        server.answer = lambda wire, by: None  # type: ignore[method-assign]

    with name_server(silent) as address:
        settle(room, address)
        before = time.monotonic()
        result = room.run("check", "dns", "--json")
        assert time.monotonic() - before < 4
    assert result.exit_code == 4
    [one] = findings(result.stdout)
    assert (one["verdict"], one["subject"]) == ("unasked", "dns")
    assert "no name server answers: A mail.example.org: no answer in 0.5 s; A signed.test" in one["text"]


def test_names_that_are_not_answered_do_not_hide_the_others(room: Room) -> None:
    def broken(server: TestDnsServer) -> None:
        server.failing |= {"mail.example.org", "_imaps._tcp.example.org"}
        server.silent.add("_mta-sts.example.org")

    with name_server(broken) as address:
        settle(room, address)
        result = room.run("check", "dns", "--json")
    verdicts = {one["subject"]: one["verdict"] for one in findings(result.stdout)}
    for subject in ("address", "caa", "clients", "mta-sts"):
        assert verdicts[subject] == "unasked"
    assert (verdicts["mx"], verdicts["dmarc"], verdicts["dnssec"]) == ("good", "good", "good")


def test_the_whole_check_asks_as_well(room: Room) -> None:
    with name_server() as address:
        settle(room, address)
        rows = json.loads(room.run("check", "--dns", "--json").stdout)
    assert {"settings", "data", "mx", "dnssec"} <= {one["subject"] for one in rows}


def test_what_can_not_be_asked_for(room: Room) -> None:
    assert "not a domain" in room.fails(1, "check", "dns", "a..b")
    room.ok("domain", "remove", "example.org")
    assert "no domains yet" in room.fails(1, "check", "dns")
    assert "come after it" in room.run("check", "--dns", "dns").output


def test_a_job_has_an_end() -> None:
    async def endless() -> AsyncIterator[Finding]:
        yield good("mx", "the first")
        await asyncio.sleep(60)

    async def without_an_answer() -> AsyncIterator[Finding]:
        yield good("mx", "the first")
        raise DnsTemporary("MX a.test: SERVFAIL")

    first, late = asyncio.run(collected(Job("mx", "the MX records", endless()), 0.05))
    assert (first.verdict, late.verdict) == (Verdict.GOOD, Verdict.UNASKED)
    assert late.text == "the MX records could not be asked in 0.05 s"
    _, failed = asyncio.run(collected(Job("mx", "the MX records", without_an_answer()), 5))
    assert failed.text == "the MX records could not be asked: MX a.test: SERVFAIL"
