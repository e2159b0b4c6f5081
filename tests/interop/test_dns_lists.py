"""Lists in the DNS as they are served (RFC 5782): rbldnsd from Debian has them, unbound from Debian asks it, and
strangers are looked at through that."""

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.interop.clients import need
from tests.interop.signed_zones import SignedDnsServer, unbound

from postroom.base import SystemClock
from postroom.dns import DnsResolver, DnsSettings
from postroom.reputation import ListSettings, Strangers, StrangersSettings

pytestmark = pytest.mark.interop

_ZONES = {
    "bl.test": ("ip4set", "127.0.0.2 :127.0.0.2:Test entry\n198.51.100.0/24 :127.0.0.4:Spam from $\n"),
    "six.test": ("ip6trie", "::ffff:7f00:2 :127.0.0.2:Test entry\n2001:db8::/32 :127.0.0.2:Spam from there\n"),
    "wl.test": ("ip4set", "127.0.0.2 :127.0.0.2:Test\n192.0.2.0/28 :127.0.9.3:\n"),
    "dbl.test": ("dnset", "test :127.0.1.2:Test entry\nevil.test :127.0.1.2:Phish\n"),
    "wild.test": ("ip4trie", "0/0 :127.0.0.2:Everybody\n"),
    "dead.test": ("ip4set", "198.51.100.0/24 :127.0.0.2:Left behind\n"),
}
_LISTS = {
    "black": ListSettings(zone="bl.test", codes={"127.0.0.4": 6.0}),
    "six": ListSettings(zone="six.test", points=5.0),
    "white": ListSettings(zone="wl.test", codes={"127.0.*.3": -4.0}),
    "domains": ListSettings(zone="dbl.test", has="domains", points=3.0),
    "wild": ListSettings(zone="wild.test", points=9.0),
    "dead": ListSettings(zone="dead.test", points=9.0),
}


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def nameserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An unbound that finds the lists at a rbldnsd."""
    program, port = need("rbldnsd"), _free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # it gives up root's rights, and has to read its files all the same
        arguments = []
        for zone, (kind, entries) in _ZONES.items():
            head = f"$SOA 60 ns.{zone} hostmaster.{zone} 1 600 600 600 60\n$NS 60 ns.{zone}\n"
            (folder / zone).write_text(head + entries)
            arguments.append(f"{zone}:{kind}:{zone}")
        user = ["-u", "rbldns"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [program, "-n", "-t", "1", "-w", name, *user, "-b", f"127.0.0.1/{port}", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        zones: dict[str, dict[str, list[str]]] = {zone: {} for zone in _ZONES}
        lists = SimpleNamespace(zones=zones, signed={}, host="127.0.0.1", port=port)
        try:
            with unbound(tmp_path_factory.mktemp("unbound"), cast(SignedDnsServer, lists), _free_port()) as address:
                assert process.poll() is None
                yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _parts(nameserver: str, address: str, mail_from: str = "") -> dict[str, str]:
    async def go() -> dict[str, str]:
        clock = SystemClock()
        resolver = DnsResolver(DnsSettings(nameservers=(nameserver,), timeout_seconds=5, tries=2), clock)
        strangers = Strangers(resolver, None, StrangersSettings(list=_LISTS), clock, hostname="foo.test")
        try:
            visit = strangers.begin(address)
            assert visit is not None
            score = await visit.assess(mail_from)
            found = {
                part.name: f"{part.points:g} {part.words}" for part in score.parts if part.name.startswith("list.")
            }
            return found | {f"alone.{name}": why for name, why in strangers.lists.standing().items()}
        finally:
            await strangers.close()
            await resolver.close()

    return asyncio.run(go())


def test_an_ipv4_address(nameserver: str) -> None:
    found = _parts(nameserver, "198.51.100.7")
    assert found.pop("list.black") == "6 198.51.100.7 is on bl.test (127.0.0.4): Spam from 198.51.100.7"
    assert found.pop("alone.wild").startswith("it lists what no list of IPv4 may have")
    assert found.pop("alone.dead").startswith("it does not have the entry that every list of IPv4 has")
    assert found == {}


def test_a_list_of_the_good(nameserver: str) -> None:
    found = _parts(nameserver, "192.0.2.7")
    assert found["list.white"].startswith("-4 192.0.2.7 is on wl.test (127.0.9.3)")
    assert "list.black" not in found


def test_an_ipv6_address(nameserver: str) -> None:
    found = _parts(nameserver, "2001:db8::7")
    assert found == {"list.six": "5 2001:db8::7 is on six.test (127.0.0.2): Spam from there"}


def test_a_domain(nameserver: str) -> None:
    found = _parts(nameserver, "203.0.113.7", "a@evil.test")
    assert found["list.domains"] == "3 evil.test (MAIL FROM) is on dbl.test (127.0.1.2): Phish"
    assert "list.domains" not in _parts(nameserver, "203.0.113.7", "a@good.test")
