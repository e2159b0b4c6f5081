"""The verdict on a message, and what it costs."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mailauth.dmarc.zone import Dkim, Spf, Word, Zone

from postroom.mailauth.dkim import DkimResult, DkimVerdict
from postroom.mailauth.dmarc import Author, DmarcResult, DmarcVerdict, Policy, Problem, author_domain, evaluate
from postroom.mailauth.dmarc.evaluation import MAX_AUTHORS
from postroom.mailauth.dmarc.tree import MAX_QUESTIONS, MAX_WALKS
from postroom.mailauth.questions import conclude
from postroom.mailauth.spf import SpfResult, SpfVerdict

REJECT = "v=DMARC1; p=reject"


def verdict(zone: Zone, author: str | Author, spf: Sequence[Spf] = (), dkim: Sequence[Dkim] = ()) -> DmarcVerdict:
    who = Author(author, domains=(author,)) if isinstance(author, str) else author
    return conclude(evaluate(who, spf, dkim), zone.answer)


def test_a_pass_costs_one_question() -> None:
    zone = Zone({"example.test": REJECT})
    found = verdict(zone, "example.test", [Spf("example.test")], [Dkim("example.test")])
    assert found.result is DmarcResult.PASS
    assert (found.policy, found.disposition, found.aligned_by) == (Policy.REJECT, Policy.NONE, ("spf", "dkim"))
    assert (found.policy_domain, found.record, found.policy_tag) == ("example.test", REJECT, "p")
    assert found.words == "aligned by spf (example.test) and dkim (example.test)"
    assert (zone.asked, found.questions) == (["TXT _dmarc.example.test"], 1)


def test_one_method_is_enough() -> None:
    zone = Zone({"example.test": REJECT})
    found = verdict(zone, "example.test", [Spf("list.test", Word.PASS)], [Dkim("example.test")])
    assert (found.result, found.spf_aligned, found.dkim_aligned) == (DmarcResult.PASS, False, True)


@pytest.mark.parametrize(
    ("record", "author", "policy", "tag", "disposition"),
    [
        ("p=reject", "example.test", "reject", "p", "reject"),
        ("p=quarantine", "example.test", "quarantine", "p", "quarantine"),
        ("p=none", "example.test", "none", "p", "none"),
        ("p=reject; t=y", "example.test", "reject", "p", "quarantine"),
        ("p=quarantine; t=y", "example.test", "quarantine", "p", "none"),
        ("p=none; t=y", "example.test", "none", "p", "none"),
        ("p=reject; pct=0", "example.test", "reject", "p", "reject"),  # pct is ignored (RFC 9989)
        ("p=reject; sp=none", "there.example.test", "none", "sp", "none"),
        ("p=none; sp=reject", "absent.example.test", "reject", "sp", "reject"),
        ("p=none; sp=none; np=reject", "absent.example.test", "reject", "np", "reject"),
        ("p=none; sp=none; np=reject", "a.absent.example.test", "reject", "np", "reject"),
        ("p=none; sp=none; np=reject", "there.example.test", "none", "sp", "none"),
        ("p=none; np=reject; t=y", "absent.example.test", "reject", "np", "quarantine"),
        ("p=none; np=reject", "example.test", "none", "p", "none"),
        ("rua=mailto:a@example.test", "example.test", "none", "p", "none"),
    ],
)
def test_policies(record: str, author: str, policy: str, tag: str, disposition: str) -> None:
    zone = Zone({"example.test": f"v=DMARC1; {record}"}, names=frozenset({"there.example.test"}))
    found = verdict(zone, author, [Spf("evil.test")], [Dkim("evil.test")])
    assert found.result is DmarcResult.FAIL
    assert (found.policy, found.policy_tag, found.disposition) == (policy, tag, disposition)
    assert found.policy_domain == "example.test"


def test_the_policy_of_a_public_suffix() -> None:
    zone = Zone({"test": "v=DMARC1; p=none; sp=quarantine; np=reject; psd=y"}, names=frozenset({"bank.test"}))
    found = verdict(zone, "bank.test", [Spf("evil.test")])
    assert (found.result, found.policy, found.policy_domain) == (DmarcResult.FAIL, "quarantine", "test")
    found = verdict(zone, "bamk.test", [Spf("bank.test")])
    assert (found.result, found.policy, found.exists) == (DmarcResult.FAIL, "reject", False)
    assert found.organisational == "bamk.test"
    assert verdict(zone, "bank.test", [Spf("mail.bank.test")]).result is DmarcResult.PASS


def test_whether_a_domain_exists_is_asked_for_only_where_it_decides() -> None:
    zone = Zone({"example.test": "v=DMARC1; p=none; np=reject"}, names=frozenset({"there.example.test"}))
    assert verdict(zone, "there.example.test").exists is True
    assert zone.asked.count("A there.example.test") == 1
    for author, spf in (("example.test", []), ("there.example.test", [Spf("example.test")])):
        zone = Zone(zone.records, names=zone.names)
        assert verdict(zone, author, spf).exists is None
        assert not [asked for asked in zone.asked if asked.startswith("A ")]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({}, "no record"),
        ({"example.test": [REJECT, REJECT]}, "2 records at _dmarc.example.test, none counts"),
        ({"example.test": "v=DMARC1; p=block"}, "the record at _dmarc.example.test has no valid policy"),
        ({"example.test": "v=spf1 -all"}, "no record"),
        ({"sub.example.test": REJECT}, "no record"),
    ],
)
def test_no_policy(records: dict[str, str | list[str]], words: str) -> None:
    found = verdict(Zone(records), "example.test", [Spf("example.test")], [Dkim("example.test")])
    assert (found.result, found.words, found.policy) == (DmarcResult.NONE, words, Policy.NONE)


@pytest.mark.parametrize(
    ("broken", "author", "spf", "result"),
    [
        ("example.test", "example.test", Spf("example.test"), "temperror"),
        ("example.test", "a.example.test", Spf("a.example.test"), "temperror"),
        ("test", "example.test", Spf("example.test"), "pass"),  # nothing above it is needed
        ("test", "example.test", Spf("mail.example.test"), "temperror"),
        ("mail.example.test", "example.test", Spf("mail.example.test"), "temperror"),
        ("evil.test", "example.test", Spf("evil.test"), "fail"),
        ("none.test", "example.test", Spf("example.test", Word.TEMPERROR), "temperror"),
        ("none.test", "example.test", Spf("evil.test", Word.TEMPERROR), "fail"),
    ],
)
def test_trouble_with_the_dns(broken: str, author: str, spf: Spf, result: str) -> None:
    found = verdict(Zone({"example.test": REJECT}, broken=frozenset({broken})), author, [spf])
    assert found.result == result
    assert (found.disposition is Policy.REJECT) == (result == "fail")


def test_trouble_with_one_way_does_not_hurt_the_other() -> None:
    zone = Zone({"example.test": REJECT}, broken=frozenset({"mail.example.test"}))
    found = verdict(zone, "example.test", [Spf("mail.example.test")], [Dkim("news.example.test")])
    assert (found.result, found.aligned_by) == (DmarcResult.PASS, ("dkim",))


def test_trouble_with_the_question_whether_a_domain_exists() -> None:
    class Unsure(Zone):
        def answer(self, question):  # type: ignore[no-untyped-def]
            reply = super().answer(question)
            return reply._replace(failed="SERVFAIL") if question.kind == "A" else reply

    found = verdict(Unsure({"example.test": "v=DMARC1; p=none; np=reject"}), "a.example.test")
    assert (found.result, found.words) == (DmarcResult.TEMPERROR, "the DNS has no answer: SERVFAIL")


def from_field(value: bytes) -> Author:
    return author_domain(b"From: " + value + b"\r\n\r\n")


ZONE = {"good.test": REJECT, "mild.test": "v=DMARC1; p=quarantine", "evil.test": "v=DMARC1; p=none"}


@pytest.mark.parametrize(
    ("value", "result", "disposition"),
    [
        (b"a@good.test, x@evil.test", "fail", "reject"),
        (b"x@evil.test, a@mild.test", "fail", "quarantine"),
        (b"bank@good.test <x@evil.test>", "fail", "reject"),
        (b"x@evil.test\r\nFrom: bank@good.test", "fail", "reject"),
        (b"bank@good.test\0@evil.test", "fail", "reject"),
        (b"x@evil.test, y@unknown.test", "permerror", "none"),  # passing for one is no pass
        (b"x@evil.test\r\nFrom: x@evil.test", "permerror", "none"),
        (b"x@[192.0.2.1]", "permerror", "none"),
        (b"nobody", "permerror", "none"),
        (b"<a@good.test>, a@1.test, a@2.test, a@3.test, a@4.test", "permerror", "none"),
    ],
)
def test_the_spoofing_battery_never_passes(value: bytes, result: str, disposition: str) -> None:
    author = from_field(value)
    found = verdict(Zone(ZONE), author, [Spf("evil.test")], [Dkim("evil.test")])
    assert (found.result, found.disposition) == (result, disposition)
    assert author.problem.value in found.words


def test_odd_syntax_is_told_beside_the_verdict() -> None:
    found = verdict(Zone(ZONE), from_field(b"Name, A <x@evil.test>"), [Spf("evil.test")])
    assert (found.result, found.words) == (DmarcResult.PASS, f"aligned by spf (evil.test); {Problem.SYNTAX.value}")


@pytest.mark.parametrize(
    "domain",
    ["good.test.evil.test", "xgood.test", "evilgood.test", "test", "g00d.test", "good.test0", "xn--god-jua.test"],
)
def test_look_alikes_are_not_aligned(domain: str) -> None:
    zone = Zone({**ZONE, "good.test.evil.test": REJECT})
    assert verdict(zone, "good.test", [Spf(domain)], [Dkim(domain)]).disposition is Policy.REJECT


def test_the_helo_name_does_not_count() -> None:
    found = verdict(Zone(ZONE), "good.test", [Spf("good.test", identity="helo")])
    assert found.result is DmarcResult.FAIL


def test_an_idn_is_aligned_by_its_a_labels() -> None:
    zone = Zone({"xn--bcher-kva.test": REJECT})
    author = from_field("a@bücher.test".encode())
    assert verdict(zone, author, dkim=[Dkim("XN--bcher-kva.TEST")]).result is DmarcResult.PASS
    assert verdict(zone, author, dkim=[Dkim("bücher.test")]).result is DmarcResult.PASS


def test_the_most_hostile_message_costs_little() -> None:
    zone = Zone({"test": "v=DMARC1; p=none; np=reject"})
    deep = [".".join(f"x{one}{at}" for at in range(60)) + ".d.test" for one in range(200)]
    author = Author("", domains=tuple(f"{'a.' * 100}{at}.d.test" for at in range(MAX_AUTHORS)), problem=Problem.GROUP)
    began = time.process_time()
    found = verdict(zone, author, [Spf(deep[0])], [Dkim(name) for name in deep])
    assert time.process_time() - began < 2
    assert found.result in (DmarcResult.FAIL, DmarcResult.PERMERROR)
    assert len(zone.asked) <= (MAX_AUTHORS + MAX_WALKS) * (MAX_QUESTIONS + 1)


LABELS = st.lists(st.sampled_from(["a", "b", "test"]), min_size=1, max_size=4).map(".".join)
TAGS = st.sampled_from(["p=reject", "p=none; psd=n", "p=none; psd=y", "p=quarantine; np=reject", "x"])


@given(st.dictionaries(LABELS, TAGS, max_size=5), LABELS, LABELS, st.frozensets(LABELS, max_size=1))
def test_a_pass_needs_a_common_parent_and_never_trouble(
    tags: dict[str, str], author: str, domain: str, broken: frozenset[str]
) -> None:
    zone = Zone({name: f"v=DMARC1; {tag}" for name, tag in tags.items()}, broken=broken)
    found = verdict(zone, author, [Spf(domain)])
    if found.result is DmarcResult.PASS:
        assert author not in broken
        assert domain == author or (found.organisational and f".{domain}".endswith(f".{found.organisational}"))
    if found.result is DmarcResult.FAIL:
        assert author != domain
    else:
        assert found.disposition is Policy.NONE


def test_the_verdicts_of_our_own_spf_and_dkim_are_what_is_looked_at() -> None:
    spf = SpfVerdict(SpfResult.PASS, "mailfrom", "example.test", "a@example.test", "")
    dkim = DkimVerdict(DkimResult.PASS, "", "mail.example.test", "s1")
    author = Author("example.test", domains=("example.test",))
    found = conclude(evaluate(author, [spf], [dkim]), Zone({"example.test": REJECT}).answer)
    assert found.aligned_by == ("spf", "dkim")
