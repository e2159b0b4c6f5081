"""What a hostile zone can make a check cost: questions, recursion, octets (RFC 7208 §4.6.4, §11.1)."""

import random
import string
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mailauth.zone import Zone

from postroom.mailauth.questions import Question, Reply, conclude
from postroom.mailauth.spf import SpfLimits, SpfResult, SpfVerdict, check_host

from .test_evaluation import ARPA, a, evaluate, spf, txt

LIMITS = SpfLimits()


def run(answer: Callable[[Question], Reply], address: str = "192.0.2.1", local: str = "alice") -> SpfVerdict:
    check = check_host(
        address, "example.org", f"{local}@example.org", "mail.example.org", receiver="mx.example.net", now=0
    )
    return conclude(check, answer)


def test_the_most_questions() -> None:
    assert LIMITS.most_questions == 123


def test_ten_terms_and_no_more() -> None:
    hosts = {f"h{at}": a("192.0.2.9") for at in range(11)}
    terms = [f"a:h{at}.example.net" for at in range(11)]
    assert evaluate(spf(" ".join(terms[:10]) + " -all", **hosts)).result is SpfResult.FAIL
    verdict = evaluate(spf(" ".join(terms) + " -all", **hosts))
    assert (verdict.result, verdict.mechanism) == (SpfResult.PERMERROR, "a:h10.example.net")
    assert verdict.words == "more than 10 terms that ask the DNS"
    # those behind a match are never asked
    assert evaluate(spf("ip4:192.0.2.1 " + " ".join(terms))).result is SpfResult.PASS


def test_two_void_terms_and_no_more() -> None:
    assert evaluate(spf("a:x.example.net mx:y.example.net -all")).result is SpfResult.FAIL
    verdict = evaluate(spf("a:x.example.net exists:y.example.net mx:z.example.net +all"))
    assert (verdict.result, verdict.words) == (
        SpfResult.PERMERROR,
        "more than 2 terms find nothing, the last z.example.net",
    )


def test_a_term_is_void_once_and_only_when_none_of_its_hosts_has_an_address() -> None:
    """A client with IPv6 asks for AAAA of hosts that may have A alone: that is one term (RFC 7208 §4.6.4)."""
    hosts = [("MX", f"h{at}.example.net") for at in range(5)]
    four = {f"h{at}": a("192.0.2.1") for at in range(5)}
    assert evaluate(spf("mx -all", *hosts, **four), address="2001:db8::1").result is SpfResult.FAIL
    terms = " ".join(f"mx:x{at}.example.net" for at in range(3))
    voids = {f"x{at}": [("MX", "h.example.net")] for at in range(3)}
    assert evaluate(spf(f"{terms} +all", **voids)).result is SpfResult.PERMERROR


def test_eleven_exchanges_are_too_many_in_any_order() -> None:
    hosts = {f"h{at}": a("192.0.2.1") for at in range(11)}
    records = [("MX", f"h{at}.example.net") for at in range(11)]
    assert evaluate(spf("mx", *records[:10], **hosts)).result is SpfResult.PASS
    zone = spf("mx", *records, **hosts)
    assert evaluate(zone).result is SpfResult.PERMERROR
    assert len(zone.asked) == 2


def test_of_the_clients_names_ten_count() -> None:
    """RFC 7208 §4.6.4: no error, for the publisher has no hand in them."""
    names = [("PTR", f"n{at}.example.org") for at in range(11)]
    zone = Zone({"example.org": txt("v=spf1 ptr -all"), ARPA: names, "n10.example.org": a("192.0.2.1")})
    assert evaluate(zone).result is SpfResult.FAIL
    assert len(zone.asked) == 12


def test_p_counts_as_a_term() -> None:
    hosts = {f"h{at}": a("192.0.2.9") for at in range(10)}
    terms = " ".join(f"a:h{at}.example.net" for at in range(9))
    assert evaluate(spf(f"{terms} exists:%{{i}}.h9.example.net -all", **hosts)).result is SpfResult.FAIL
    assert evaluate(spf(f"{terms} exists:%{{p}}.h9.example.net -all", **hosts)).result is SpfResult.PERMERROR


@pytest.mark.parametrize(
    "record", ["include:%{d}", "include:example.org", "redirect=example.org", "-include:%{d} +all"]
)
def test_loops_end(record: str) -> None:
    zone = spf(record)
    assert evaluate(zone).result is SpfResult.PERMERROR
    assert len(zone.asked) == 1


def test_endless_chains_end() -> None:
    for record in (
        "v=spf1 include:x.%{d}",
        "v=spf1 redirect=x.%{d}",
        "v=spf1 include:x.%{d} include:y.%{d} include:z.%{d}",
    ):
        verdict = run(lambda _, record=record: Reply((record.encode(),)))  # type: ignore[misc]
        assert (verdict.result, verdict.questions) == (SpfResult.PERMERROR, 11)


def test_a_raised_limit_of_terms_does_not_exhaust_the_stack() -> None:
    verdict = evaluate(spf("include:%{d}"), limits=SpfLimits(terms=10_000))
    assert (verdict.result, verdict.words) == (SpfResult.PERMERROR, "more than 20 includes inside of each other")
    wide = {f"w{at}": txt("v=spf1 ?all") for at in range(30)}
    record = " ".join(f"include:w{at}.example.net" for at in range(30)) + " -all"
    assert evaluate(spf(record, **wide), limits=SpfLimits(terms=30)).result is SpfResult.FAIL


def test_records_may_be_large_but_not_endless() -> None:
    networks = " ".join(f"ip4:10.{at // 250}.{at % 250}.0/24" for at in range(750))
    assert len(networks) > 12_000
    assert evaluate(spf(networks + " -all")).result is SpfResult.FAIL
    verdict = evaluate(spf(networks + " " + networks + " +all"))
    assert (verdict.result, verdict.words) == (SpfResult.PERMERROR, "more than 16384 octets of SPF records")
    # together, not each
    inner = txt(f"v=spf1 {networks} ?all")
    assert (
        evaluate(spf("include:x.example.net include:y.example.net +all", x=inner, y=inner)).result
        is SpfResult.PERMERROR
    )


def test_addresses_are_counted() -> None:
    many = [f"10.0.{at // 250}.{at % 250}" for at in range(1001)]
    assert evaluate(spf("a -all", *a(*many[:1000]))).result is SpfResult.FAIL
    assert evaluate(spf("a -all", *a(*many))).result is SpfResult.PERMERROR


def _hostile() -> dict[str, Callable[[Question], Reply]]:
    """Answers of a zone that wants a check to cost much; each name is another, each answer as large as it may be."""
    hosts = tuple(f"{letter * 60}.%s.evil.example" for letter in string.ascii_lowercase[:10])
    filled = tuple(f"10.{at}.0.1" for at in range(100))

    def mx_bomb(question: Question) -> Reply:
        if question.kind == "TXT":
            terms = " ".join(f"mx:{at}.%{{d}}" for at in range(10))
            return Reply((f"v=spf1 {terms} -all exp=%{{p}}.%{{d}}".encode(),))
        if question.kind == "MX":
            return Reply(tuple(host % question.name[:100] for host in hosts))
        if question.kind == "PTR":
            return Reply(tuple(f"p{at}.example.org" for at in range(5000)))
        return Reply(("10.0.0.1",) * 9)

    def one_record(record: str) -> Callable[[Question], Reply]:
        octets = record.encode()[:32_000].rpartition(b" ")[0]

        def answer(question: Question) -> Reply:
            return Reply((octets,)) if question.kind == "TXT" else Reply(filled)

        return answer

    # Each is another macro, and each leaves nothing of a local part that ends in its delimiter
    distinct = "".join(f"%{{L1{'-' * n}{d}}}" for n in range(1, 30) for d in ("", ".", "=.", "+,", "/_", ".+,/_="))
    return {
        "mx and ptr": mx_bomb,
        "ip6 terms": one_record("v=spf1 " + " ".join(f"ip6:{at:x}::1" for at in range(5000)) + " -all"),
        "ip4 terms": one_record("v=spf1 " + " ".join(f"ip4:1.2.{at % 255}.4" for at in range(5000)) + " -all"),
        "short terms": one_record("v=spf1 ip4:1.1.1.1 " + "a= " * 12_000 + "-all"),
        "macros": one_record(f"v=spf1 exists:%{{o}}{distinct * 5} exists:a%{{o}}{distinct * 5} -all"),
        "empty macros": one_record("v=spf1 " + " ".join(["exists:%{o}" + "%{l1-}" * 400] * 10) + " -all"),
        "percents": one_record("v=spf1 exists:" + "%%" * 12_000 + ".example.org -all"),
        "slashes": one_record("v=spf1 a:" + "/1" * 15_000 + ".example.org/1 -all"),
        "digits": one_record("v=spf1 a:x.example.org/" + "1" * 31_000 + " -all"),
        "dashes": one_record("v=spf1 a:x." + "a-" * 15_000 + " -all"),
        "modifier": one_record("v=spf1 " + "a." * 15_000 + " -all"),
        "exp": one_record("v=spf1 -all exp=%{d}"),
        "included again": one_record("v=spf1 " + "x= " * 900 + "include:%{d}.x -all"),
        "texts": lambda _: Reply((b"v=spf10 ",) * 10_000),
    }


@pytest.mark.parametrize("name", _hostile())
@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_hostile_zones_cost_little(name: str, address: str) -> None:
    """What is asserted is how many questions there are; the time is only told (pytest -rP)."""
    answer = _hostile()[name]
    began = time.process_time()
    verdict = run(answer, address, "-a-" * 100)
    print(f"{(time.process_time() - began) * 1000:.1f} ms of CPU, {verdict.questions} questions: {name}")
    assert verdict.questions <= LIMITS.most_questions
    assert len(verdict.words) < 5000
    assert len(verdict.record) <= 2048


def test_the_most_hostile_zone_reaches_the_bound_and_does_not_pass_it() -> None:
    verdict = run(_hostile()["mx and ptr"])
    assert (verdict.result, verdict.questions) == (SpfResult.FAIL, LIMITS.most_questions)


WORDS = ["a", "mx", "ptr", "all", "ip4:192.0.2.0/24", "ip6:::/0", "include:%{d}", "include:x.%{d}",
         "exists:%{l}.%{p}.example",
         "redirect=y.example", "exp=e.example", "a:%{h}", "mx:m.example/8", "ptr:example.org",
         "a:%{L1r+}.%{v}.%{o}", "x=%{t}",
         "exists:%{ir}.%{s}", "a:\xff", "é", "ip4:1.2.3", "?", "redirect=%{p}"]  # fmt: skip
RECORDS = st.lists(st.tuples(st.sampled_from(["", "-", "~", "?"]), st.sampled_from(WORDS)), max_size=8).map(
    lambda terms: ("v=spf1 " + " ".join(sign + word for sign, word in terms)).encode()
)
NAMES = st.sampled_from(
    [
        "192.0.2.1",
        "198.51.100.1",
        "2001:db8::1",
        "m.example",
        "example.org",
        "",
        ".",
        "x\0y.example",
        "é.example",
        "x" * 300,
    ]
)
REPLIES = st.builds(
    Reply,
    st.one_of(
        st.lists(RECORDS | st.binary(max_size=20) | st.just(b"%{c} %{p} %{L}"), max_size=3).map(tuple),
        st.lists(NAMES | st.text(max_size=10), max_size=14).map(tuple),
    ),
    st.booleans(),
    st.sampled_from(["", "", "", "timeout", "SERVFAIL \r\n\x1b"]),
)
ADDRESSES = ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "", "fe80::1%1"]


@given(
    st.sampled_from(ADDRESSES),
    st.sampled_from(["example.org", "bücher.example", "a.b"]) | st.text(max_size=20),
    st.text(max_size=20)
    | st.sampled_from(["a@example.org", "@", "\udcff@x.example", "ü@example.org", "a\\@x.example"]),
    st.text(max_size=20) | st.sampled_from(["m.example", "[192.0.2.1]", "\udcff"]),
    st.lists(REPLIES, max_size=40),
    st.randoms(use_true_random=False),
)
def test_whatever_is_said_a_check_ends_and_raises_nothing(
    address: str, domain: str, sender: str, hello: str, replies: list[Reply], chance: random.Random
) -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Reply:
        asked.append(question)
        return chance.choice(replies) if replies else Reply(exists=False)

    check = check_host(address, domain, sender, hello, receiver="\udcff", now=0)
    verdict = conclude(check, answer)
    assert verdict.questions == len(asked) == len(set(asked)) <= LIMITS.most_questions
    for text in (verdict.words, verdict.explanation, verdict.record, verdict.mechanism, verdict.domain):
        assert text == "" or (text.isascii() and text.isprintable())
    assert len(verdict.words) < 5000
    if verdict.result in (SpfResult.PASS, SpfResult.FAIL, SpfResult.SOFTFAIL):
        assert verdict.mechanism
        assert verdict.record.lower().startswith("v=spf1")
    if verdict.explanation:
        assert verdict.result is SpfResult.FAIL
