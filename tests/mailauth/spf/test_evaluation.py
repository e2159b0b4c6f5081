"""check_host(): what each mechanism and modifier means, what is asked for it, and what people are told."""

import pytest
from tests.mailauth.zone import TIMEOUT, Records, Zone

from postroom.mailauth.questions import Question
from postroom.mailauth.spf import SpfLimits, SpfResult, SpfVerdict, check_host

ARPA = "1.2.0.192.in-addr.arpa"


def evaluate(
    zone: Zone,
    sender: str = "alice@example.org",
    address: str = "192.0.2.1",
    hello: str = "mail.example.org",
    limits: SpfLimits = SpfLimits(),  # noqa: B008
) -> SpfVerdict:
    domain = sender.rpartition("@")[2]
    check = check_host(address, domain, sender, hello, receiver="mx.example.net", now=1.7e9, limits=limits)
    verdict = zone.conclude(check)
    assert verdict.questions == len(zone.asked) == len(set(zone.asked)) <= limits.most_questions
    for text in (verdict.words, verdict.explanation, verdict.record, verdict.mechanism):
        assert text == "" or (text.isascii() and text.isprintable())
    return verdict


def spf(record: str, *more: tuple[str, str | bytes], **names: Records) -> Zone:
    """A zone with a record at example.org, and names below example.net."""
    others = {f"{name}.example.net": records for name, records in names.items()}
    return Zone({"example.org": [("TXT", f"v=spf1 {record}".encode()), *more], **others})


def a(*addresses: str) -> Records:
    return [("A" if "." in one else "AAAA", one) for one in addresses]


def txt(*texts: str) -> Records:
    return [("TXT", text.encode("latin-1")) for text in texts]


@pytest.mark.parametrize(
    ("qualifier", "result"), [("", "pass"), ("+", "pass"), ("-", "fail"), ("~", "softfail"), ("?", "neutral")]
)
def test_qualifiers(qualifier: str, result: str) -> None:
    verdict = evaluate(spf(f"{qualifier}all"))
    assert (verdict.result.value, verdict.mechanism, verdict.record) == (
        result,
        f"{qualifier}all",
        f"v=spf1 {qualifier}all",
    )


@pytest.mark.parametrize(
    ("record", "address", "words"),
    [
        ("ip4:192.0.2.0/24 -all", "192.0.2.1", "example.org lets 192.0.2.1 send its mail: ip4:192.0.2.0/24"),
        ("-all", "192.0.2.1", "example.org does not let 192.0.2.1 send its mail: -all"),
        ("~all", "192.0.2.1", "example.org says that 192.0.2.1 probably may not send its mail: ~all"),
        ("ip6:2001:db8::/32", "2001:DB8:0::1", "example.org lets 2001:db8::1 send its mail: ip6:2001:db8::/32"),
        (
            "include:b.example.net -all",
            "192.0.2.1",
            "example.org lets 192.0.2.1 send its mail: include:b.example.net, there a:c.example.net",
        ),
        (
            "redirect=d.example.net",
            "192.0.2.1",
            "example.org does not let 192.0.2.1 send its mail: -all (record of d.example.net, by redirect)",
        ),
        ("?ip4:192.0.2.1", "192.0.2.1", "example.org does not say whether 192.0.2.1 may send its mail: ?ip4:192.0.2.1"),
        ("redirect=%{h}", "192.0.2.1", "redirect=%{h} leads to no domain name"),
        ("include:e.example.net", "192.0.2.1", "include:e.example.net leads nowhere: e.example.net does not exist"),
    ],
)  # fmt: skip
def test_words(record: str, address: str, words: str) -> None:
    zone = spf(record, b=txt("v=spf1 a:c.example.net"), c=a("192.0.2.1"), d=txt("v=spf1 -all"))
    assert evaluate(zone, address=address, hello="localhost").words == words


def test_no_record() -> None:
    assert evaluate(Zone({})).words == "example.org does not exist"
    assert evaluate(Zone({"example.org": txt("hello")})).words == "example.org has no SPF record"
    assert evaluate(Zone({"example.org": txt("hello")})).result is SpfResult.NONE


def test_several_records_and_bad_ones_are_shown() -> None:
    verdict = evaluate(Zone({"example.org": txt("v=spf1 -all", "v=spf1 +all")}))
    assert (verdict.result, verdict.words) == (
        SpfResult.PERMERROR,
        "example.org has 2 SPF records, and only one is allowed",
    )
    verdict = evaluate(spf("a:\N{LATIN SMALL LETTER E WITH ACUTE}\x1b[31m"))
    assert (verdict.result, verdict.record) == (SpfResult.PERMERROR, "v=spf1 a:\\xc3\\xa9\\x1b[31m")


@pytest.mark.parametrize("record", ["a:x", "mx:x", "include:x", "exists:x", "redirect=x", "mx:y"])
def test_no_answer_is_temperror_never_pass(record: str) -> None:
    record += ".example.net"
    for before in ("", "+include:ok.example.net -", "ip4:192.0.2.9 "):
        zone = spf(f"{before}{record} +all", x=[TIMEOUT], y=[("MX", "x.example.net")], ok=txt("v=spf1 -all"))
        if record.startswith("redirect"):
            zone = spf(record, x=[TIMEOUT])
        verdict = evaluate(zone)
        assert verdict.result is SpfResult.TEMPERROR
        assert verdict.mechanism.lstrip("-+") == record
        assert "x.example.net" in verdict.words


def test_no_answer_for_the_record_itself() -> None:
    assert evaluate(Zone({"example.org": [TIMEOUT]})).result is SpfResult.TEMPERROR


def test_ptr_passes_over_errors() -> None:
    """RFC 7208 §5.5: an error of the PTR question is no match, one of an address only skips that name."""
    assert evaluate(Zone({"example.org": txt("v=spf1 ptr -all"), ARPA: [TIMEOUT]})).result is SpfResult.FAIL
    names = [("PTR", "slow.example.org"), ("PTR", "mail.example.org")]
    zone = {"example.org": txt("v=spf1 ptr -all"), ARPA: names, "slow.example.org": [TIMEOUT]}
    assert evaluate(Zone({**zone, "mail.example.org": a("192.0.2.1")})).result is SpfResult.PASS
    assert evaluate(Zone(zone)).result is SpfResult.FAIL


def test_ptr_asks_only_for_names_inside_of_the_target() -> None:
    names = [("PTR", f"n{at}.example.net") for at in range(5)]
    zone = Zone({"example.org": txt("v=spf1 ptr -all"), ARPA: [*names, ("PTR", "m.example.org")]})
    assert evaluate(zone).result is SpfResult.FAIL
    assert [question.kind for question in zone.asked] == ["TXT", "PTR", "A"]


def test_mx_never_falls_back_to_the_address() -> None:
    assert evaluate(spf("mx -all", ("A", "192.0.2.1"))).result is SpfResult.FAIL


def test_exists_asks_for_a_whatever_the_client_has() -> None:
    zone = spf("exists:%{ir}.x.example.net -all")
    evaluate(zone, address="2001:db8::1")
    assert zone.asked[-1] == Question("A", "1." + "0." * 23 + "8.b.d.0.1.0.0.2.x.example.net")


def test_mapped_clients_match_ip4_only() -> None:
    assert evaluate(spf("ip6:::/0 -all"), address="::ffff:192.0.2.1").result is SpfResult.FAIL
    assert evaluate(spf("ip4:192.0.2.1 -all"), address="::ffff:192.0.2.1").result is SpfResult.PASS
    assert evaluate(spf("ip6:::ffff:0:0/96 -all"), address="192.0.2.1").result is SpfResult.FAIL


def test_all_anywhere_disables_redirect() -> None:
    assert evaluate(spf("redirect=x.example.net ?all", x=txt("v=spf1 -all"))).result is SpfResult.NEUTRAL


def test_redirect_to_nothing_is_permerror() -> None:
    assert evaluate(spf("redirect=x.example.net")).result is SpfResult.PERMERROR
    assert evaluate(spf("redirect=x.example.net", x=txt("x"))).result is SpfResult.PERMERROR
    assert evaluate(spf("redirect=%{h}"), hello="localhost").result is SpfResult.PERMERROR


def test_a_single_label_or_ip_address_out_of_a_macro_is_never_asked_for() -> None:
    """A HELO of "localhost" must not lead to our own hosts file; an IP address is answered with itself by resolvers."""
    for hello in ("localhost", "[192.0.2.1]", "192.0.2.1", "192.0.2.1.", "x\0.example.net", ""):
        zone = spf("a:%{h} -all")
        assert evaluate(zone, hello=hello).result is SpfResult.FAIL
        assert len(zone.asked) == 1


def test_a_backslash_cannot_join_labels() -> None:
    """Resolvers read \\. as a dot inside of a label: it is asked for as a backslash of its own (RFC 1035 §5.1)."""
    zone = Zone({"example.org": txt("v=spf1 exists:%{l}.ok.example.net a:%{h} -all")})
    assert evaluate(zone, sender="x\\@example.org", hello="a\\.example.net").result is SpfResult.FAIL
    assert [question.name for question in zone.asked[1:]] == [r"x\\.ok.example.net", r"a\\.example.net"]


def test_a_local_part_beyond_ascii_matches_nothing() -> None:
    """RFC 8616 §4."""
    for record in ("exists:%{l}.x.example.net -all", "include:%{L}.x.example.net -all", "a:%{s}.x.example.net -all"):
        assert evaluate(spf(record), sender="jürgen@example.org").result is SpfResult.FAIL
    assert evaluate(spf("redirect=%{L}.x.example.net"), sender="jürgen@example.org").result is SpfResult.PERMERROR
    assert evaluate(spf("exists:%{o}.x.example.net -all"), sender="jürgen@example.org").result is SpfResult.FAIL


def test_the_name_of_p_is_confirmed_and_the_nearest() -> None:
    names = [("PTR", name) for name in ("far.example.net", "m.example.org", "example.org", "false.example.org")]
    zone: dict[str, Records] = {"example.org": txt("v=spf1 exists:%{p}.x.example.net -all"), ARPA: names}
    hosts = ["far.example.net", "m.example.org", "example.org"]
    for count, nearest in ((3, "example.org"), (2, "m.example.org"), (1, "far.example.net"), (0, "unknown")):
        records = {name: [*zone.get(name, ()), *a("192.0.2.1")] for name in hosts[:count]}
        here = Zone({**zone, **records})
        evaluate(here)
        assert here.asked[-1] == Question("A", f"{nearest}.x.example.net")


EXPLAINED = "-all exp=why.example.net"


@pytest.mark.parametrize(
    ("texts", "explanation"),
    [
        (["%{i} is not for %{d}: %{s}"], "192.0.2.1 is not for example.org: alice@example.org"),
        (["%{r} %{t} %{c} %{p}"], "mx.example.net 1700000000 192.0.2.1 unknown"),
        (["See http://%{d}/?s=%{S}"], "See http://example.org/?s=alice%40example.org"),
        ([], ""),
        (["one", "two"], ""),
        (["bad %{x}"], ""),
        (["\xefb"], ""),
        (["two\r\nlines"], ""),
        (["nul\0"], ""),
        (["x" * 400], "x" * 400),
        (["x" * 401], "x" * 397 + "..."),
        (["x" * 1025], ""),
        (["%{S}" * 256], ("alice%40example.org" * 99)[:397] + "..."),
    ],
)
def test_explanations(texts: list[str], explanation: str) -> None:
    assert evaluate(spf(EXPLAINED, why=txt(*texts))).explanation == explanation


def test_an_explanation_that_is_not_answered_for_changes_nothing() -> None:
    verdict = evaluate(spf(EXPLAINED, why=[TIMEOUT]))
    assert (verdict.result, verdict.explanation) == (SpfResult.FAIL, "")
    verdict = evaluate(spf("-all exp=%{l}..%{d}"))
    assert (verdict.result, verdict.explanation) == (SpfResult.FAIL, "")


def test_an_explanation_carries_nothing_that_no_reply_can_have() -> None:
    zone = {"why": txt("%{h} %{l}")}
    assert evaluate(spf(EXPLAINED, **zone), hello="x\r\n250 ok").explanation == ""
    assert evaluate(spf(EXPLAINED, **zone), sender="j\xfcrgen@example.org").explanation == ""
    assert evaluate(spf(EXPLAINED, **zone), sender="a\0b@example.org").explanation == ""
    assert evaluate(spf(EXPLAINED, why=txt("%{H}")), hello="x\udcff\r\n").explanation == "x%3F%0D%0A"


def test_explanations_are_only_for_fail_and_of_the_right_domain() -> None:
    """RFC 7208 §6.2: never of an included record, and after a redirect of the new one."""
    inner = {"i": txt("v=spf1 -all exp=inner.example.net"), "inner": txt("inner"), "why": txt("outer %{d}")}
    assert evaluate(spf("-include:p.example.net exp=why.example.net", p=txt("v=spf1 +all"), **inner)).explanation == (
        "outer example.org"
    )
    assert evaluate(spf("include:i.example.net ~all exp=why.example.net", **inner)).explanation == ""
    assert evaluate(spf("redirect=i.example.net exp=why.example.net", **inner)).explanation == "inner"
    assert evaluate(spf("redirect=x.example.net exp=why.example.net", x=txt("v=spf1 -all"), **inner)).explanation == ""


def test_mail_of_a_shared_host_passes_for_every_customer() -> None:
    """SPF tells hosts, not people (RFC 7208 §11.4): what the verdict names is the domain that let it pass."""
    host: dict[str, Records] = {
        "_spf.host.example": txt("v=spf1 ip4:192.0.2.0/24 -all"),
        "one.example": txt("v=spf1 include:_spf.host.example -all"),
        "two.example": txt("v=spf1 include:_spf.host.example -all"),
    }
    for domain in ("one.example", "two.example"):
        verdict = evaluate(Zone(host), sender=f"x@{domain}")
        assert (verdict.result, verdict.domain, verdict.mechanism) == (
            SpfResult.PASS,
            domain,
            "include:_spf.host.example",
        )


def test_a_subdomain_has_no_share_in_the_record_above_it() -> None:
    zone = Zone({"example.org": txt("v=spf1 +all")})
    verdict = evaluate(zone, sender="x@mail.example.org")
    assert (verdict.result, verdict.domain) == (SpfResult.NONE, "mail.example.org")
    assert zone.asked == [Question("TXT", "mail.example.org")]


def test_look_alikes_of_a_name_do_not_match_ptr() -> None:
    names = [("PTR", name) for name in ("bad-example.org", "example.org.evil.example", "org", "xexample.org")]
    hosts = {name: a("192.0.2.1") for _, name in names}
    zone = Zone({"example.org": txt("v=spf1 ptr -all"), ARPA: names, **hosts})
    assert evaluate(zone).result is SpfResult.FAIL


def test_a_name_that_the_client_gives_itself_has_to_be_confirmed() -> None:
    zone = Zone(
        {"example.org": txt("v=spf1 ptr -all"), ARPA: [("PTR", "mail.example.org")], "mail.example.org": a("192.0.2.9")}
    )
    assert evaluate(zone).result is SpfResult.FAIL


def test_answers_of_the_wrong_kind_do_not_match() -> None:
    for lie in ("::ffff:192.0.2.1", "::c000:201", "192.0.2.1\0", " 192.0.2.1", "192.0.2.01", "3221225985", ""):
        assert evaluate(spf("a -all", ("A", lie))).result is SpfResult.FAIL
