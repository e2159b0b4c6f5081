"""What `postroom check --dns` makes of answers."""

import asyncio

import pytest

from postroom.cli.dns_findings import dns_findings
from postroom.cli.findings import Finding, Verdict
from postroom.dns import Answer, DnsTemporary, Mx

HOST, DOMAIN = "mail.example.org", "example.org"


class Zone:
    """A resolver that knows one zone."""

    def __init__(self, **answers: tuple[object, ...]) -> None:
        self.answers = answers

    def _answer(self, kind: str) -> Answer[object]:
        if kind not in self.answers:
            return Answer((), exists=False)
        return Answer(self.answers[kind])

    async def mx(self, domain: str) -> Answer[Mx]:
        return self._answer("mx")  # type: ignore[return-value]

    async def a(self, host: str) -> Answer[str]:
        if self.answers.get("a") == ("servfail",):
            raise DnsTemporary("SERVFAIL")
        return self._answer("a")  # type: ignore[return-value]

    async def aaaa(self, host: str) -> Answer[str]:
        return self._answer("aaaa")  # type: ignore[return-value]

    async def cname(self, name: str) -> Answer[str]:
        return self._answer("cname")  # type: ignore[return-value]

    async def tlsa(self, name: str) -> Answer[bytes]:
        return self._answer("tlsa")  # type: ignore[return-value]

    async def txt(self, name: str) -> Answer[bytes]:
        return self._answer("txt")  # type: ignore[return-value]

    async def ptr(self, address: str) -> Answer[str]:
        return self._answer("ptr")  # type: ignore[return-value]

    async def close(self) -> None: ...


def ask(zone: Zone, domain: str = DOMAIN) -> dict[str, Finding]:
    async def whole() -> list[Finding]:
        return [finding async for finding in dns_findings(zone, HOST, [domain])]

    found = asyncio.run(whole())
    assert all(one.fix for one in found if one.verdict is not Verdict.GOOD)
    return {one.subject: one for one in found}


GOOD_ZONE: dict[str, tuple[object, ...]] = {
    "mx": (Mx(10, HOST),),
    "a": ("192.0.2.1",),
    "aaaa": ("2001:db8::1",),
    "ptr": ("Mail.Example.ORG",),
    "txt": (b"other", b"v=spf1 mx -all"),
}


def test_everything_in_order() -> None:
    found = ask(Zone(**GOOD_ZONE))
    assert set(found) == {"address", "reverse", "mx", "spf"}
    assert {one.verdict for one in found.values()} == {Verdict.GOOD}


def test_nothing_published() -> None:
    found = ask(Zone())
    assert {subject: one.verdict for subject, one in found.items()} == {
        "address": Verdict.BAD,
        "mx": Verdict.BAD,
        "spf": Verdict.NOTE,
    }
    assert found["mx"].fix == "publish: example.org. IN MX 10 mail.example.org."


@pytest.mark.parametrize(
    ("change", "subject", "verdict", "words"),
    [
        ({"mx": (Mx(10, "other.test"),)}, "mx", Verdict.BAD, "goes to other.test"),
        ({"mx": (Mx(0, ""),)}, "mx", Verdict.BAD, "takes no mail"),
        ({"ptr": ("host-1.isp.test",)}, "reverse", Verdict.NOTE, "host-1.isp.test"),
        ({"txt": (b"v=spf1 mx -all", b"v=spf1 -all")}, "spf", Verdict.BAD, "2 SPF records"),
        ({"txt": (b"v=spf10 mx",)}, "spf", Verdict.NOTE, "does not say"),
    ],
)
def test_what_can_be_wrong(change: dict[str, tuple[object, ...]], subject: str, verdict: Verdict, words: str) -> None:
    one = ask(Zone(**GOOD_ZONE | change))[subject]
    assert one.verdict is verdict
    assert words in one.text


def test_a_domain_that_is_its_own_host_needs_no_mx() -> None:
    zone = {kind: answer for kind, answer in GOOD_ZONE.items() if kind != "mx"}
    assert ask(Zone(**zone), HOST)["mx"].verdict is Verdict.NOTE


def test_no_answer_is_said_and_the_rest_goes_on() -> None:
    found = ask(Zone(**GOOD_ZONE | {"a": ("servfail",)}))
    assert "no answer" in found["dns"].text
    assert found["mx"].verdict is Verdict.GOOD


def test_hosts_of_relays() -> None:
    async def told(zone: Zone) -> list[Finding]:
        return [one async for one in dns_findings(zone, HOST, [], ["relay.test"]) if one.subject == "relay"]

    [known] = asyncio.run(told(Zone(a=("192.0.2.1",))))
    assert (known.verdict, known.text) == (Verdict.GOOD, "relay.test is 192.0.2.1")
    [unknown] = asyncio.run(told(Zone()))
    assert (unknown.verdict, "has no address" in unknown.text) == (Verdict.BAD, True)
