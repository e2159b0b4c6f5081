"""The table of the policy: what was found, what the settings say, what follows."""

import pytest

from postroom.base import MailError
from postroom.intake.authentication_settings import AuthenticationSettings
from postroom.intake.judgement import ACCEPT, Findings, heard, judge

REJECT = Findings(author_domain="bar.com", dmarc="fail", policy="reject")
QUARANTINE = Findings(author_domain="bar.com", dmarc="fail", policy="quarantine")
MILD = {"dmarc_reject": "tag", "dmarc_quarantine": "tag", "broken_from": "tag"}


def found(**what: object) -> Findings:
    return Findings(**({"author_domain": "bar.com"} | what))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("findings", "settings", "action"),
    [
        (found(), {}, "accept"),
        (found(dmarc="pass", policy="reject"), {}, "accept"),
        (found(dmarc="permerror"), {}, "accept"),
        # the author's policy
        (REJECT, {}, "reject"),
        (REJECT, {"dmarc_reject": "quarantine"}, "quarantine"),
        (REJECT, {"dmarc_reject": "tag"}, "tag"),
        (REJECT, {"dmarc_quarantine": "tag"}, "reject"),
        (QUARANTINE, {}, "quarantine"),
        (QUARANTINE, {"dmarc_quarantine": "reject"}, "reject"),
        (QUARANTINE, {"dmarc_quarantine": "tag"}, "tag"),
        (found(dmarc="fail", policy="none"), {}, "tag"),
        # one step milder when it is on trial
        (found(dmarc="fail", policy="reject", testing=True), {}, "quarantine"),
        (found(dmarc="fail", policy="reject", testing=True), {"dmarc_quarantine": "tag"}, "tag"),
        (found(dmarc="fail", policy="reject", testing=True), {"dmarc_reject": "tag"}, "quarantine"),
        (found(dmarc="fail", policy="none", testing=True), {}, "tag"),
        (found(dmarc="fail", policy="quarantine", testing=True), {}, "tag"),
        # SPF alone
        (found(spf_fails="bar.com"), {}, "tag"),
        (found(spf_fails="bar.com"), {"spf_fail": "reject"}, "reject"),
        (found(spf_fails="bar.com"), {"spf_fail": "quarantine"}, "quarantine"),
        (found(spf_fails="bar.com", dmarc="pass"), {"spf_fail": "reject"}, "accept"),
        (found(spf_fails="bar.com", dmarc="fail", policy="quarantine"), {"spf_fail": "reject"}, "reject"),
        (found(spf_fails="bar.com", dmarc="fail", policy="reject"), {"spf_fail": "tag"}, "reject"),
        # nobody can tell the author
        (found(author_domain="", author_problem="several From fields"), {}, "reject"),
        (found(author_problem="x"), {"broken_from": "quarantine"}, "quarantine"),
        (found(author_problem="x"), {"broken_from": "tag"}, "tag"),
        (found(author_problem="x", dmarc="fail", policy="reject"), {"broken_from": "tag"}, "reject"),
        (found(author_problem="x", dmarc="fail", policy="reject"), MILD, "tag"),
        # never a pass, whatever is said beside it
        (found(author_problem="x", dmarc="pass"), {}, "reject"),
        # the DNS
        (found(dmarc="temperror", policy="reject"), {}, "tag"),
        (found(dmarc="temperror", policy="reject"), {"dns_trouble": "defer"}, "defer"),
        (found(dmarc="temperror", spf_fails="bar.com"), {"dns_trouble": "defer", "spf_fail": "quarantine"}, "defer"),
        (found(dmarc="temperror", spf_fails="bar.com"), {"dns_trouble": "defer", "spf_fail": "reject"}, "reject"),
        # lists and forwarders that are trusted
        (found(dmarc="fail", policy="reject", vouched_by="list.org"), {}, "accept"),
        (found(dmarc="fail", spf_fails="a.com", vouched_by="list.org"), {"spf_fail": "reject"}, "accept"),
        (found(dmarc="temperror", vouched_by="list.org"), {"dns_trouble": "defer"}, "defer"),
        (found(author_problem="x", dmarc="fail", vouched_by="list.org"), {}, "reject"),
    ],
)
def test_what_follows(findings: Findings, settings: dict[str, str], action: str) -> None:
    judged = judge(findings, AuthenticationSettings(**settings))  # type: ignore[arg-type]
    assert judged.action == action
    assert (judged.error is None) == (action not in ("reject", "defer"))
    assert bool(judged.why) == (action != "accept" or bool(findings.vouched_by))


def refusal(findings: Findings, **settings: str) -> MailError:
    error = judge(findings, AuthenticationSettings(**settings)).error  # type: ignore[arg-type]
    assert error is not None
    return error


def test_a_refused_sender_reads_why() -> None:
    error = refusal(REJECT)
    assert (error.code, error.enhanced) == (550, "5.7.1")
    assert "DMARC policy of bar.com" in error.text
    error = refusal(found(spf_fails="bar.com", spf_explanation="See https://bar.com/mail"), spf_fail="reject")
    assert (error.code, error.enhanced) == (550, "5.7.23")  # RFC 7372 §3.2
    assert "that domain explains: See https://bar.com/mail" in error.text  # RFC 7208 §6.2
    error = refusal(found(author_domain="", author_problem="several From fields"))
    assert error.text == "The author can't be told: several From fields"
    error = refusal(found(dmarc="temperror"), dns_trouble="defer")
    assert (error.code, error.enhanced, error.permanent) == (451, "4.7.0", False)


def test_what_others_wrote_can_not_break_a_reply() -> None:
    odd = "a\r\n250 Ok\0\x1b[2Jé" + "x" * 1000
    for error in (
        refusal(found(author_domain=odd, dmarc="fail", policy="reject")),
        refusal(found(spf_fails=odd, spf_explanation=odd), spf_fail="reject"),
        refusal(found(author_problem=odd)),
    ):
        assert error.text.isascii()
        assert error.text.isprintable()
        assert len(error.text) < 500  # RFC 5321 §4.5.3.1.5


def test_complaints_reach_the_postmaster() -> None:
    """RFC 5321 §4.5.1."""
    settings = AuthenticationSettings()
    refused = judge(REJECT, settings)
    for others in ([], ["bob@foo.com"], ["postmaster@foo.com", "bob@foo.com"], ["postmaster-x@foo.com"]):
        assert heard(refused, others, settings) is refused
    for alone in (["Postmaster"], ["abuse@foo.com", "POSTMASTER@bar.com"]):
        found = heard(refused, alone, settings)
        assert (found.action, found.error) == ("quarantine", None)
        assert found.why.startswith(refused.why)
        assert heard(refused, alone, AuthenticationSettings(to_postmaster="tag")).action == "tag"
        assert heard(refused, alone, AuthenticationSettings(to_postmaster="reject")) is refused
        assert heard(ACCEPT, alone, settings) is ACCEPT
