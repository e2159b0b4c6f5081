"""What was found out, as header fields and in words."""

from dataclasses import replace

import pytest

from postroom.intake import AuthenticationSettings
from postroom.intake.evidence import (
    Evidence,
    disposition,
    facts,
    method_results,
    reasons,
    received_spf,
    results_field,
    told,
)
from postroom.intake.judgement import ACCEPT, Judgement, judge
from postroom.mailauth.dkim import DkimResult, DkimVerdict
from postroom.mailauth.dmarc import DmarcResult, DmarcVerdict, Policy, author_domain, evaluate
from postroom.mailauth.dmarc.observed import observed
from postroom.mailauth.iprev import IprevResult, IprevVerdict
from postroom.mailauth.questions import Reply, conclude
from postroom.mailauth.results import parse
from postroom.mailauth.spf import SpfResult, SpfVerdict

HELO = SpfVerdict(SpfResult.NONE, "helo", "mx.bar.com", "postmaster@mx.bar.com", "mx.bar.com has no SPF record")
FAIL = SpfVerdict(
    SpfResult.FAIL,
    "mailfrom",
    "bar.com",
    'a "b"@bar.com',
    "bar.com does not (now) let it",
    explanation="Go away",
    record="v=spf1 -all",
    mechanism="-all",
)
SIGNED = DkimVerdict(
    DkimResult.PASS, "signed by bar.com", "bar.com", "s1", "rsa-sha256", "@bar.com", "AbCd", key_bits=2048
)
BROKEN = DkimVerdict(DkimResult.PERMERROR, "malformed: no b=", testing=True)
DISOWNED = DmarcVerdict(
    DmarcResult.FAIL,
    "nothing aligned",
    domain="bar.com",
    policy=Policy.REJECT,
    policy_domain="bar.com",
    record="v=DMARC1; p=reject",
    evidence=("spf fail for bar.com",),
)
FOUND = Evidence(
    address="2001:db8::1%eth0",
    hello="mx.bar.com",
    author=author_domain(b'From: "boss@bank.com" <a@bar.com>\r\n\r\n'),
    spf=(HELO, FAIL),
    iprev=IprevVerdict(IprevResult.FAIL, "", "it is called x, which does not have this address"),
    dkim=[SIGNED, BROKEN],
    arc=None,
    dmarc=DISOWNED,
)
JUNK = Judgement("quarantine", "nothing shows it")


def test_each_method_has_its_properties() -> None:
    results = {one.method + str(number): one for number, one in enumerate(method_results(FOUND, JUNK))}
    assert results["iprev0"].properties == (("policy", "iprev", "2001:db8::1"),)
    assert results["spf1"].properties == (("smtp", "helo", "mx.bar.com"),)
    assert results["spf1"].reason == ""  # there is nothing to say about nothing
    assert results["spf2"].properties == (("smtp", "mailfrom", 'a "b"@bar.com'),)
    assert results["dkim3"].properties == (
        ("header", "d", "bar.com"),
        ("header", "i", "@bar.com"),
        ("header", "s", "s1"),
        ("header", "a", "rsa-sha256"),
        ("header", "b", "AbCd"),
    )
    assert results["dkim4"].properties == ()
    assert results["dmarc5"].properties == (("header", "from", "bar.com"), ("policy", "dmarc", "quarantine"))
    read = parse(results_field("foo.com", FOUND, JUNK, utf8=False).partition(b":")[2])
    assert read.problem == ""
    assert [(one.method, one.result) for one in read.results] == [
        ("iprev", "fail"),
        ("spf", "none"),
        ("spf", "fail"),
        ("dkim", "pass"),
        ("dkim", "permerror"),
        ("dmarc", "fail"),
    ]


def test_what_was_not_looked_at_is_not_told() -> None:
    null = replace(FAIL, sender="", result=SpfResult.NONE)
    found = replace(FOUND, iprev=None, dkim=[], spf=(HELO, null))
    methods = [(one.method, one.result) for one in method_results(found, ACCEPT)]
    assert methods == [("spf", "none"), ("dkim", "none"), ("dmarc", "fail")]  # for <>, HELO stands alone
    assert received_spf(replace(found, spf=()), "foo.com") == b""
    assert method_results(found, ACCEPT)[-1].value("policy", "dmarc") == "none"


def test_the_policy_hears_what_it_needs() -> None:
    found = FOUND.findings()
    assert (found.author_domain, found.author_problem, found.dmarc, found.policy) == ("bar.com", "", "fail", "reject")
    assert (found.spf_fails, found.spf_explanation) == ("bar.com", "Go away")
    several = replace(FOUND, author=author_domain(b"From: a@x.com\r\nFrom: a@y.com\r\n\r\n"))
    assert several.findings().author_problem == "several From fields"


def test_received_spf_holds_what_others_wrote_in_bounds() -> None:
    assert received_spf(FOUND, "foo.com") == (
        b"Received-SPF: fail\r\n\t(bar.com does not \\(now\\) let it)\r\n"
        b'\tclient-ip="2001:db8::1";\r\n\tenvelope-from="a \\"b\\"@bar.com";\r\n\thelo=mx.bar.com;\r\n'
        b"\tidentity=mailfrom;\r\n\treceiver=foo.com;\r\n\tmechanism=-all\r\n"
    )
    odd = replace(FOUND, spf=(replace(FAIL, words="x)\r\nSubject: y\0é" * 99, sender='"\r\n\\é@x.com'),))
    field = received_spf(odd, "foo.com")
    assert field.isascii()
    assert [line[:1] for line in field.splitlines()[1:]] == [b"\t"] * (len(field.splitlines()) - 1)
    assert max(map(len, field.splitlines())) < 998


def test_what_reports_say_was_done() -> None:
    wished = replace(FOUND, dmarc=replace(DISOWNED, disposition=Policy.REJECT))
    assert disposition(Judgement("reject")) is Policy.REJECT
    assert reasons(wished, Judgement("reject", "its policy asks to reject")) == ()
    assert disposition(Judgement("tag")) is Policy.NONE
    (reason,) = reasons(wished, Judgement("tag", "ours"))
    assert (reason.kind, reason.comment) == ("local_policy", "ours")


@pytest.mark.parametrize(("policy", "done"), [("reject", "quarantine"), ("quarantine", "none"), ("none", "none")])
def test_a_policy_on_trial_is_reported_as_what_it_is(policy: str, done: str) -> None:
    """What mailauth.dmarc makes of t=y is what the server does, so that reports give no reason beside test mode."""
    verdict = conclude(
        evaluate(author_domain(b"From: a@bar.com\r\n\r\n"), [], []),
        lambda _: Reply((f"v=DMARC1; p={policy}; t=y".encode(),)),
    )
    found = replace(FOUND, dmarc=verdict, spf=[], author=author_domain(b"From: a@bar.com\r\n\r\n"))
    judged = judge(found.findings(), AuthenticationSettings())
    assert disposition(judged) is verdict.disposition is Policy(done)
    assert reasons(found, judged) == ()
    row = observed(verdict, [], [], source_ip="192.0.2.1", disposition=disposition(judged))
    assert row is not None
    assert (row.disposition, [one.kind for one in row.reasons]) == (
        done,
        [] if policy == "none" else ["policy_test_mode"],
    )


def test_words_for_people() -> None:
    assert told(facts(FOUND, JUNK)) == [
        "author: a@bar.com, while its display name shows an address of bank.com",
        "reverse name: fail: it is called x, which does not have this address",
        "SPF: none for HELO mx.bar.com: mx.bar.com has no SPF record",
        'SPF: fail for MAIL FROM <a "b"@bar.com>: bar.com does not (now) let it; record "v=spf1 -all"',
        "DKIM: pass for d=bar.com s=s1 rsa-sha256 with a key of 2048 bits: signed by bar.com",
        "DKIM: permerror for a signature, on trial (t=y): malformed: no b=",
        'DMARC: fail for bar.com: nothing aligned; record "v=DMARC1; p=reject" of bar.com',
        "alignment: spf fail for bar.com",
    ]
    bare = facts(replace(FOUND, iprev=None, dkim=[], author=author_domain(b"")), JUNK)
    assert told(bare)[0] == "author: (no From field)"
    assert told(bare)[-1] == "DKIM: there is no signature"
    assert bare["action"] == "quarantine"


@pytest.mark.parametrize("most", [300])
def test_words_are_short(most: int) -> None:
    long = "x" * 10_000
    found = replace(
        FOUND,
        spf=(replace(FAIL, record=long),),
        dkim=[replace(SIGNED, words=long)],
        dmarc=replace(DISOWNED, record=long, evidence=(long,)),
    )
    for fact in facts(found, JUNK).values():
        assert all(len(text) <= most for text in (fact if isinstance(fact, list) else [fact]))
