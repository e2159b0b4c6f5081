"""The DNS for an operator's eyes: more kinds, and each server's word on DNSSEC."""

import asyncio

import pytest

from postroom.base import SystemClock
from postroom.dns import DnsSettings, DnsTemporary, InspectingResolver, Mx, Srv, TestDnsServer
from postroom.mailauth.caa import Caa

LONG = "x" * 600
ZONES = {
    "a.test": {
        "A": ["192.0.2.1"],
        "MX": ["10 a.test."],
        "TXT": [LONG],
        "CAA": ['0 issue "ca.test; x=y"', "128 iodef mailto:a@b.test"],
    },
    "_imaps._tcp.a.test": {"SRV": ["1 2 993 Mail.a.test.", "0 0 0 ."]},
    "_25._tcp.a.test": {"TLSA": ["3 1 1 " + "ab" * 32]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["a.test."]},
    "alias.test": {"CNAME": ["a.test."]},
}


def test_every_kind_and_the_ad_bit_though_nobody_is_trusted() -> None:
    async def go() -> None:
        async with TestDnsServer(ZONES) as server:
            server.secure.add("a.test")
            settings = DnsSettings(nameservers=(server.address,), trust_ad="never", timeout_seconds=0.2, tries=1)
            resolver = InspectingResolver(settings, SystemClock())
            answer = await resolver.a("a.test")
            assert (answer.records, answer.secure) == (("192.0.2.1",), True)
            assert not (await resolver.a("alias.test")).secure
            assert (await resolver.mx("a.test")).records == (Mx(10, "a.test"),)
            assert (await resolver.txt("a.test")).records == (LONG.encode(),)
            caa = await resolver.caa("alias.test")
            assert set(caa.records) == {Caa(0, "issue", "ca.test; x=y"), Caa(128, "iodef", "mailto:a@b.test")}
            srv = await resolver.srv("_imaps._tcp.a.test")
            assert set(srv.records) == {Srv(1, 2, 993, "mail.a.test"), Srv(0, 0, 0, "")}
            assert (await resolver.tlsa("_25._tcp.a.test")).records == (bytes((3, 1, 1)) + b"\xab" * 32,)
            assert (await resolver.ptr("192.0.2.1")).records == ("a.test",)
            assert not (await resolver.caa("b.test")).exists
            server.silent.add("c.test")
            with pytest.raises(DnsTemporary):
                await resolver.srv("c.test")
            await resolver.close()

    asyncio.run(go())
