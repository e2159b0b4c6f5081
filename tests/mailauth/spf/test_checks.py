"""HELO and MAIL FROM (RFC 7208 §2.3, §2.4), as honest and as odd clients give them."""

import pytest
from tests.mailauth.zone import Records, Zone

from postroom.mailauth.questions import Question
from postroom.mailauth.spf import SpfResult, SpfVerdict, check_sender

ZONE: dict[str, Records] = {
    "example.org": [("TXT", b"v=spf1 ip4:192.0.2.1 -all")],
    "mail.example.org": [("TXT", b"v=spf1 a -all"), ("A", "192.0.2.1")],
    "xn--bcher-kva.example": [("TXT", b"v=spf1 exists:%{o}.ok.example -all")],
    "xn--bcher-kva.example.ok.example": [("A", "127.0.0.2")],
    "localhost": [("TXT", b"v=spf1 +all")],
}


def check(
    mail_from: str, hello: str = "mail.example.org", address: str = "192.0.2.1"
) -> tuple[SpfVerdict, SpfVerdict, list[Question]]:
    zone = Zone(ZONE)
    helo, mailfrom = zone.conclude(check_sender(address, mail_from, hello, receiver="mx.example.net", now=0))
    assert (helo.identity, mailfrom.identity) == ("helo", "mailfrom")
    assert helo.questions + mailfrom.questions == len(zone.asked)
    return helo, mailfrom, zone.asked


def test_both_identities_are_checked() -> None:
    helo, mailfrom, _ = check("alice@example.org")
    assert (helo.result, helo.domain, helo.mechanism) == (SpfResult.PASS, "mail.example.org", "a")
    assert (mailfrom.result, mailfrom.domain, mailfrom.mechanism) == (SpfResult.PASS, "example.org", "ip4:192.0.2.1")
    assert mailfrom.sender == "alice@example.org"
    assert helo.sender == "postmaster@mail.example.org"


def test_the_null_path_is_the_postmaster_of_the_host() -> None:
    helo, mailfrom, asked = check("")
    assert (mailfrom.result, mailfrom.domain) == (helo.result, helo.domain) == (SpfResult.PASS, "mail.example.org")
    assert mailfrom.words.startswith("MAIL FROM:<>, so HELO counts: ")
    assert len(asked) == len(set(asked))  # nothing is asked again
    assert check("", address="198.51.100.9")[1].result is SpfResult.FAIL


@pytest.mark.parametrize(
    "hello",
    [
        "", "localhost", "OEMCOMPUTER", "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]", "JUMPIN' JUPITER", ".", "..",
        "a..b", "mail.example.org\0.evil.example", "\0", "\udcff.example", "x" * 64 + ".example",
        "a." * 127 + "example", "é" * 9999, "-.example", "exa mple.org", "mail.example.org\r\n.x.example",
    ],
)  # fmt: skip
def test_odd_hello_names_are_no_identity_and_ask_nothing(hello: str) -> None:
    helo, mailfrom, asked = check("", hello)
    assert helo.result is mailfrom.result is SpfResult.NONE
    assert (helo.domain, asked) == ("", [])
    assert "no domain name" in helo.words
    assert helo.words.isascii()
    assert helo.words.isprintable()


@pytest.mark.parametrize(
    "mail_from",
    [
        "alice", "alice@", "@", "alice@localhost", "alice@[192.0.2.1]", "alice@192.0.2.1", "alice@exa\0mple.org",
        "alice@example.org\0", "alice@\xe9xample.org\0", "alice@example.org\0.evil.example", "alice@exa\udce9mple.org",
        "alice@example..org", "x" * 9999 + "@example.org", "alice@example.org ",
    ],
)  # fmt: skip
def test_odd_senders_have_no_domain_that_is_asked_for(mail_from: str) -> None:
    _, mailfrom, asked = check(mail_from, "localhost")
    assert mailfrom.result is SpfResult.NONE
    assert asked == []


def test_a_sender_without_local_part_is_the_postmaster() -> None:
    assert check("@example.org")[1].result is SpfResult.PASS


def test_what_is_before_the_last_at_sign_is_the_local_part() -> None:
    """%-hack, source routes and quoted @ do not lead to another domain (RFC 7208 §2.2)."""
    for mail_from in (
        "alice%example.org@evil.example",
        '"alice@example.org"@evil.example',
        "example.org!alice@evil.example",
    ):
        assert check(mail_from)[1].domain == "evil.example"


def test_u_labels_are_asked_for_as_a_labels_in_macros_too() -> None:
    verdict = check("alice@BÜCHER.example")[1]
    assert (verdict.result, verdict.domain) == (SpfResult.PASS, "xn--bcher-kva.example")


def test_a_client_without_ip_address_is_not_checked() -> None:
    helo, mailfrom, asked = check("alice@example.org", address="/run/postroom.sock")
    assert helo.result is mailfrom.result is SpfResult.NONE
    assert mailfrom.words == "the client has no IP address"
    assert asked == []
