"""Reverse DNS, confirmed forward (RFC 8601 §3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.iprev import MAX_NAMES, MAX_QUESTIONS, IprevResult, IprevVerdict, check_iprev
from postroom.mailauth.questions import Question, Reply, conclude

from .zone import TIMEOUT, Zone

ARPA = "1.2.0.192.in-addr.arpa"
IPREV_PASS = IprevResult.PASS


def check(*names: str, address: str = "192.0.2.1", **hosts: str) -> IprevVerdict:
    records = {f"{name}.example.org": [("A", one) for one in addresses.split()] for name, addresses in hosts.items()}
    return Zone({ARPA: [("PTR", name) for name in names], **records}).conclude(check_iprev(address))


def test_a_name_that_leads_back() -> None:
    verdict = check("Mail.Example.org.", mail="198.51.100.7 192.0.2.1")
    assert (verdict.result, verdict.name) == (IPREV_PASS, "mail.example.org")
    assert verdict.words == "192.0.2.1 is called mail.example.org, and mail.example.org has this address"


def test_one_of_several_names_is_enough() -> None:
    verdict = check("other.example.org", "mail.example.org", other="198.51.100.7", mail="192.0.2.1")
    assert (verdict.result, verdict.name) == (IPREV_PASS, "mail.example.org")


def test_a_name_that_leads_elsewhere_is_not_told_as_the_clients() -> None:
    verdict = check("mail.example.org", mail="198.51.100.7")
    assert (verdict.result, verdict.name) == (IprevResult.FAIL, "")
    assert verdict.words == "192.0.2.1 is called mail.example.org, which does not have this address"
    assert check("mail.example.org").result is IprevResult.FAIL  # no such name


def test_no_name() -> None:
    assert check().result is IprevResult.PERMERROR
    assert Zone({}).conclude(check_iprev("192.0.2.1")).result is IprevResult.PERMERROR
    assert check(address="not an address").result is IprevResult.PERMERROR


def test_no_answer_is_temperror_unless_another_name_is_confirmed() -> None:
    assert Zone({ARPA: [TIMEOUT]}).conclude(check_iprev("192.0.2.1")).result is IprevResult.TEMPERROR
    slow = {ARPA: [("PTR", "slow.example.org"), ("PTR", "mail.example.org")], "slow.example.org": [TIMEOUT]}
    assert Zone(slow).conclude(check_iprev("192.0.2.1")).result is IprevResult.TEMPERROR
    found = {**slow, "mail.example.org": [("A", "192.0.2.1")]}
    assert Zone(found).conclude(check_iprev("192.0.2.1")).result is IPREV_PASS


def test_only_so_many_names_are_looked_up() -> None:
    names = [f"n{at}.example.org" for at in range(MAX_NAMES + 1)]
    zone = Zone({ARPA: [("PTR", name) for name in names], names[-1]: [("A", "192.0.2.1")]})
    assert zone.conclude(check_iprev("192.0.2.1")).result is IprevResult.FAIL
    assert len(zone.asked) == MAX_QUESTIONS


def test_names_that_no_host_can_have_are_not_asked_for() -> None:
    zone = Zone(
        {ARPA: [("PTR", name) for name in ("", "localhost", "exa\0mple.org", "ex\xe4mple.org\udcff", "192.0.2.1")]}
    )
    verdict = zone.conclude(check_iprev("192.0.2.1"))
    assert verdict.result is IprevResult.FAIL
    assert verdict.words == "192.0.2.1 is called what is no host name"
    assert [question.kind for question in zone.asked] == ["PTR"]


def test_ipv6_is_confirmed_by_aaaa() -> None:
    address = "2001:db8::1"
    arpa = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    zone = Zone(
        {arpa: [("PTR", "six.example.org")], "six.example.org": [("A", "192.0.2.1"), ("AAAA", "2001:DB8:0::1")]}
    )
    assert zone.conclude(check_iprev(address)).result is IPREV_PASS
    assert zone.asked[-1] == Question("AAAA", "six.example.org")


def test_an_ipv4_mapped_client_is_asked_for_as_ipv4() -> None:
    zone = Zone({ARPA: [("PTR", "mail.example.org")], "mail.example.org": [("A", "192.0.2.1")]})
    assert zone.conclude(check_iprev("::ffff:192.0.2.1")).result is IPREV_PASS


NAMES = ["a.example", "192.0.2.1"]
REPLIES = st.builds(
    Reply,
    st.lists(st.one_of(st.text(max_size=20), st.binary(max_size=5), st.sampled_from(NAMES)), max_size=20).map(tuple),
    st.booleans(),
    st.sampled_from(["", "", "timeout"]),
)  # fmt: skip


@given(st.text(max_size=20) | st.just("192.0.2.1"), st.lists(REPLIES, max_size=20))
def test_whatever_the_dns_says_it_ends_and_passes_only_what_is_confirmed(address: str, replies: list[Reply]) -> None:
    asked: list[tuple[Question, Reply]] = []

    def answer(question: Question) -> Reply:
        reply = replies[len(asked)] if len(asked) < len(replies) else Reply(failed="no more")
        asked.append((question, reply))
        return reply

    verdict = conclude(check_iprev(address), answer)
    assert len(asked) <= MAX_QUESTIONS
    if verdict.result is IPREV_PASS:
        question, reply = asked[-1]
        assert question == Question("A", verdict.name)
        assert "192.0.2.1" in reply.names
        assert not reply.failed


@pytest.mark.parametrize("count", [1, 2])
def test_the_words_tell_of_other_names(count: int) -> None:
    names = [f"n{at}.example.org" for at in range(count)]
    assert ("nor have its 1 other names" in check(*names).words) == (count > 1)
