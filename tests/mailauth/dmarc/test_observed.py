"""One message as a row of a report."""

import pytest
from tests.mailauth.dmarc.zone import Dkim, Spf, Word, Zone

from postroom.mailauth.dmarc import DmarcVerdict, Policy, evaluate
from postroom.mailauth.dmarc.aggregate import DkimEntry, Reason, Row, SpfEntry
from postroom.mailauth.dmarc.author import Author
from postroom.mailauth.dmarc.observed import MAX_SIGNATURES, observed
from postroom.mailauth.questions import conclude

RUA = "; rua=mailto:r@example.test"


def verdict(record: str, spf: list[Spf], dkim: list[Dkim], broken: frozenset[str] = frozenset()) -> DmarcVerdict:
    zone = Zone({"example.test": record + RUA}, broken=broken)
    author = Author("a.example.test", domains=("a.example.test",))
    return conclude(evaluate(author, spf, dkim), zone.answer)


def test_a_message_that_passed() -> None:
    spf, dkim = [Spf("h.test", Word.NONE, "helo"), Spf("list.test")], [Dkim("list.test"), Dkim("Example.test")]
    row = observed(verdict("v=DMARC1; p=reject", spf, dkim), spf, dkim, source_ip="192.0.2.1", disposition=Policy.NONE)
    assert row == Row(
        "192.0.2.1", 1, "pass", "pass", "fail", "a.example.test", "list.test",
        dkim_results=(DkimEntry("list.test", "s1", "pass"), DkimEntry("example.test", "s1", "pass")),
        spf_results=(SpfEntry("list.test", "pass"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("record", "done", "given", "told"),
    [
        ("v=DMARC1; p=reject", Policy.REJECT, (), ()),
        ("v=DMARC1; p=reject; t=y", Policy.QUARANTINE, (), (Reason("policy_test_mode"),)),
        ("v=DMARC1; p=reject", Policy.QUARANTINE, (), (Reason("local_policy"),)),
        (
            "v=DMARC1; p=reject",
            Policy.NONE,
            (Reason("trusted_forwarder", "arc"),),
            (Reason("trusted_forwarder", "arc"),),
        ),
        ("v=DMARC1; p=none; t=y", Policy.NONE, (), ()),
    ],
)
def test_a_message_that_failed(record: str, done: Policy, given: tuple[Reason, ...], told: tuple[Reason, ...]) -> None:
    spf = [Spf("evil.test", Word.FAIL)]
    row = observed(verdict(record, spf, []), spf, [], source_ip="2001:db8::1", disposition=done, reasons=given)
    assert row is not None
    assert (row.disposition, row.dkim, row.spf, row.reasons) == (done.value, "fail", "fail", told)


def test_a_pass_without_a_policy_is_none() -> None:
    spf = [Spf("example.test")]
    row = observed(verdict("v=DMARC1; p=none", spf, []), spf, [], source_ip="192.0.2.1", disposition=Policy.NONE)
    assert row is not None
    assert (row.disposition, row.spf) == ("none", "pass")


def test_what_is_not_counted() -> None:
    assert observed(verdict("v=spf1", [], []), [], [], source_ip="192.0.2.1", disposition=Policy.NONE) is None
    broken = verdict("v=DMARC1; p=reject", [], [], frozenset({"example.test"}))
    assert observed(broken, [], [], source_ip="192.0.2.1", disposition=Policy.NONE) is None


def test_signatures_are_limited_and_the_best_come_first() -> None:
    dkim = [Dkim("x.test", Word.FAIL, "s" * 1000)] * 30 + [Dkim("list.test"), Dkim("a.example.test")]
    row = observed(verdict("v=DMARC1; p=reject", [], dkim), [], dkim, source_ip="192.0.2.1", disposition=Policy.NONE)
    assert row is not None
    assert len(row.dkim_results) == MAX_SIGNATURES
    assert [one.domain for one in row.dkim_results[:3]] == ["a.example.test", "list.test", "x.test"]
    assert len(row.dkim_results[2].selector) == 255
