"""The same records and zones as pyspf evaluates them, generated from a seed.

Where pyspf and RFC 7208 part, the generator keeps away from the place, or the test says so:

- pyspf rejects a record with an include of its own domain even when an earlier term matches (§4.6.2: left to right).
- It asks for all hosts of an mx before it compares the first, so one without an answer is temperror though an earlier
  one matches (§5.4 leaves the order open).
- Its %{s} has no postmaster where the sender has no local part (§4.3).
- It counts each void question, also that of include and each host of an mx; the RFC counts terms (§4.6.4).
- It counts a redirect that is never come to against the ten terms (§4.6.4: those that cause questions).
- Inside of %{…} it takes anything after the letter, "%{d0}" and "%{d2x}" too (§7.1, §7.3), and "%%%x"; at the end of a
  domain-spec it rejects "%%" (§7.1, domain-end); it takes "-exists" without a domain (§5.7).
- Names of modifiers have to be in lower case (§4.6.1: either); c, r and t are errors in modifiers it does not know,
  and so is one of them that is there twice (§6: ignored).
"""

import ipaddress
import random
from collections import Counter
from collections.abc import Iterator

import pytest
import spf as pyspf
from tests.mailauth.zone import TIMEOUT, Records, Zone

from postroom.mailauth.spf import BadRecord, SpfLimits, SpfVerdict, check_host, read_record

DOMAINS = ["example.org", "a.example", "b.example", "c.example", "m1.example.org", "m2.a.example"]
SPECS = [*DOMAINS, *DOMAINS, "slow.example", "void.example", "nx.example", "%{d}", "%{o}", "%{h}", "%{l}.a.example",
         "%{ir}.%{v}.c.example", "%{d2}", "%{l1r-}.a.example", "%{p}", "%{dr}.x%{d1}", "%{o2r.}.b.example",
         "%{s}.example",
         "%{lr+-}.b.example", "%{I}.b.example", "foo:bar/baz.example", "a..example"]  # fmt: skip
IP4 = ["192.0.2.1", "192.0.2.0/24", "192.0.2.9", "198.51.100.0/8", "0.0.0.0/0", "192.0.2.1/32"]
IP6 = ["2001:db8::1", "2001:db8:1::/48", "::/0", "2001:DB8:0:0::/64", "::ffff:192.0.2.1"]
CIDR = ["", "", "", "/24", "/32", "/0", "//64", "//128", "/24//64", "/8//0"]
BAD = ["foo", "all:x", "ip4:1.2.3", "a/33", "ip6:1::2::3", "include", "exists", "a//129", "mx:com", "1x=2", "x=%("]
Kind = tuple[str, str]


class World:
    """What `spf.DNSLookup` answers, out of the zone that we are asked of as well."""

    def __init__(self) -> None:
        self.zone = Zone({})

    def lookup(
        self, name: str, kind: str, strict: object = True, timeout: object = None
    ) -> Iterator[tuple[Kind, object]]:
        records = dict(self.zone.records).get(name.lower(), ())
        found = [value for one, value in records if one == kind]
        if not found and TIMEOUT in records:
            raise pyspf.TempError("timeout")
        for at, value in enumerate(found):
            rdata: object = value
            if kind == "TXT":
                rdata = (value,)
            elif kind == "MX":
                rdata = (at, value)
            elif kind == "AAAA":
                rdata = ipaddress.IPv6Address(value).packed
            yield (name, kind), rdata

    def both(self, zone: Zone, address: str, sender: str, hello: str) -> tuple[tuple[str, str, str], SpfVerdict]:
        """pyspf's result, explanation and reason; our verdict."""
        self.zone = zone
        result, _, text = pyspf.query(address, sender, hello, receiver="r.example", strict=True).check()
        explanation = text if result == "fail" and text != "SPF fail - not authorized" else ""
        limits = SpfLimits(void=pyspf.MAX_VOID_LOOKUPS)
        domain = sender.rpartition("@")[2]
        check = check_host(address, domain, sender, hello, receiver="r.example", now=0, limits=limits)
        return (result, explanation, text), zone.conclude(check)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(pyspf, "DNSLookup", world.lookup)
    return world


def term(chance: random.Random) -> str:
    sign = chance.choice(["", "", "", "-", "~", "?", "+"])
    match chance.randrange(16):
        case 0 | 1:
            name = chance.choice(["a", "mx", "A", "Mx"])
            return sign + name + chance.choice(["", ":" + chance.choice(SPECS)]) + chance.choice(CIDR)
        case 2:
            return sign + "ptr" + chance.choice(["", ":" + chance.choice(SPECS)])
        case 3 | 4 | 5:
            return f"{sign}ip4:{chance.choice(IP4)}"
        case 6 | 7:
            return f"{sign}ip6:{chance.choice(IP6)}"
        case 8 | 9 | 10 | 11:
            return f"{sign}include:{chance.choice(SPECS)}"
        case 12 | 13:
            return f"{sign}exists:{chance.choice(SPECS)}"
        case 14:
            return sign + chance.choice(["all", "ALL", "all", "ip4:192.0.2.7"])
        case _:
            return chance.choice(["x=y", "moo=%{d}", "a.b-c="]) if chance.random() < 0.9 else chance.choice(BAD)


def record(chance: random.Random) -> bytes:
    terms = list(dict.fromkeys(term(chance) for _ in range(chance.randrange(5))))
    if chance.random() < 0.6:
        terms.append(chance.choice(["-all", "~all", "?all", "+all"]))
    for name, choices, share in (("redirect", SPECS, 0.25), ("exp", ["exp1.example", "exp2.example", "%{d}.exp"], 0.3)):
        if chance.random() < share:
            terms.insert(chance.randint(0, len(terms)), f"{name}={chance.choice(choices)}")
    return ("v=spf1 " + " ".join(terms)).encode()


def zone(chance: random.Random) -> Zone:
    ptr: Records = [("PTR", chance.choice(DOMAINS)) for _ in range(chance.randrange(4))]
    names: dict[str, Records] = {
        "slow.example": [TIMEOUT],
        "1.2.0.192.in-addr.arpa": ptr,
        ipaddress.ip_address("2001:db8::1").reverse_pointer: ptr,
        "alice.a.example": [("A", "127.0.0.2")],
        "x.a.example": [("A", "127.0.0.2")],
        "1.2.0.192.in-addr.c.example": [("A", "127.0.0.2")],
        "foo:bar/baz.example": [("A", "192.0.2.1"), ("MX", "m1.example.org")],
        "exp1.example": [("TXT", b"no %{i} for %{d} %{s} %{L} %{h} %{c} %{r} %{ir}.%{v} %{p}%_%%%-")],
        "exp2.example": [("TXT", b"one"), ("TXT", b"two")],
    }
    for name in DOMAINS:
        records: list[tuple[str, str | bytes]] = []
        if chance.random() < 0.85:
            records.append(("TXT", record(chance)))
        if chance.random() < 0.04:
            records.append(("TXT", b"v=spf1 -all"))
        if chance.random() < 0.3:
            records.append(("TXT", b"v=spf10 hello"))
        records += [
            ("A", chance.choice(["192.0.2.1", "192.0.2.7", "198.51.100.3"])) for _ in range(chance.randrange(3))
        ]
        records += [("AAAA", chance.choice(["2001:db8::1", "2001:db8:1::5"])) for _ in range(chance.randrange(3))]
        records += [("MX", chance.choice(DOMAINS)) for _ in range(chance.randrange(3))]
        names[name] = records
    return Zone(names)


@pytest.mark.parametrize("part", range(4))
def test_generated_zones(world: World, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(pyspf, "MAX_VOID_LOOKUPS", 10**6)  # what is counted differs, see above
    seen = Counter[str]()
    for seed in range(part * 2000, part * 2000 + 2000):
        chance = random.Random(seed)
        here = zone(chance)
        address = chance.choice(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"])
        sender = chance.choice(["alice@example.org", "bob-x@example.org", "a+b-x@example.org"])
        hello = chance.choice(["m1.example.org", "a.example", "localhost", "nx.example"])
        (result, explanation, reason), ours = world.both(here, address, sender, hello)
        if "trivial recursion" in reason:
            seen["not compared"] += 1
            continue
        assert result == ours.result.value, (seed, reason, ours)
        assert explanation.lower() == ours.explanation.lower(), (seed, ours)  # hexadecimal digits of %{i}
        seen[result] += 1
        seen["explained"] += bool(explanation)
    assert min(seen[one] for one in ("pass", "fail", "softfail", "neutral", "none", "temperror", "permerror")) > 5, seen
    assert seen["explained"] > 5, seen
    assert seen["not compared"] < 200, seen


def test_void_terms_are_counted_alike_where_a_term_asks_once(world: World) -> None:
    seen = Counter[str]()
    for seed in range(500):
        chance = random.Random(seed)
        choices = [
            "a",
            "a:nx.example",
            "exists:void.example",
            "a:b.example",
            "mx:nx.example",
            "exists:b.example",
            "ip4:192.0.2.9",
        ]
        text = "v=spf1 " + " ".join(f"?{chance.choice(choices)}" for _ in range(chance.randrange(12))) + " -all"
        text = text.replace("?a:b", "a:b").replace("?exists:b", "exists:b")
        names: dict[str, Records] = {
            "example.org": [("TXT", text.encode()), ("A", "198.51.100.1")],
            "b.example": [("A", "198.51.100.2")] if chance.random() < 0.5 else [],
        }
        (result, _, reason), ours = world.both(Zone(names), "192.0.2.1", "alice@example.org", "m1.example.org")
        assert result == ours.result.value, (seed, text, reason, ours)
        seen[result] += 1
    assert min(seen["permerror"], seen["fail"], seen["pass"]) > 20, seen


PARTS = ["a", "mx", "ptr", "ip4", "ip6", "all", "include", "exists", "redirect", "exp", "foo", ":", ":", ":", "=",
         "/24", "/0", "/33",
         "//64", "//129", "/", "x.example", "b.example.", "com", "1.2.3.4", "192.0.2.0", "2001:db8::", "::1",
         "::ffff:1.2.3.4",
         "%{d}", "%{i}", "%{l1r-}", "%{d2}", "%{dr.-}", "%%x.x", "%_", "%-", "%(d)", "-", "+", "?", "~", ".",
         "_", "x", ".c-d",
         ".1", ",", "}", "{", "A", "MX:"]  # fmt: skip
MECHANISMS = ["a", "mx", "ip4", "ip6", "include", "exists", "ptr", "redirect", "exp", "foo", "all"]


def test_syntax_errors(world: World) -> None:
    seen = Counter[bool]()
    chance = random.Random(7208)
    for _ in range(8000):
        text = "".join(chance.choice(PARTS) for _ in range(chance.randint(1, 5)))
        if chance.random() < 0.6:
            tail = "".join(chance.choice(PARTS[15:]) for _ in range(chance.randrange(4)))
            text = chance.choice(["", "", "-"]) + chance.choice(MECHANISMS) + chance.choice([":", "=", ":", ""]) + tail
        octets = f"v=spf1 ?all {text}".encode()
        try:
            read_record(octets)
            good = True
        except BadRecord:
            good = False
        zone = Zone({"example.org": [("TXT", octets)]})
        (result, _, reason), _ = world.both(zone, "192.0.2.1", "alice@example.net", "m1.example.org")
        assert result == "none", reason
        (result, _, reason), ours = world.both(zone, "192.0.2.1", "alice@example.org", "m1.example.org")
        if "trivial recursion" in reason or text == "-exists":
            continue
        assert (result != "permerror") is good, (text, reason)
        assert result == ours.result.value, (text, reason, ours)
        seen[good] += 1
    assert min(seen.values()) > 500, seen
