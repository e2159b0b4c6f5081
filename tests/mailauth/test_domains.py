"""Domain names: what is one, and what a question can be made of."""

import pytest

from postroom.mailauth.domains import askable_name, domain_name, is_within


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("_spf.example.org", "_spf.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER。example", "xn--bcher-kva.example"),  # the dots of RFC 3490 §3.1
        ("x" * 63 + ".example", "x" * 63 + ".example"),
        (".".join(["x" * 62] * 4) + ".c", ".".join(["x" * 62] * 4) + ".c"),
    ],
)
def test_domain_names(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "localhost", "example.org..", ".example.org", "a..b.example", "x" * 64 + ".example",
        ".".join(["x" * 62] * 4) + ".com", "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]", "2001:db8::1", "a.b.123",
        "exa\0mple.org", "example.org\0", "example.org\n", "exam ple.org", "a@example.org", "-a.example", "a-.example",
        "\ufdfa" * 240 + ".example",
        "exa\\mple.org", "exa\udcfcmple.org", "\xad.example", "ü" * 5000 + ".example", "a/b.example",
        "a\u2024.example.org",
    ],
)  # fmt: skip
def test_what_is_no_domain_name(text: str) -> None:
    assert domain_name(text) == ""


def test_records_may_ask_for_names_that_no_host_has() -> None:
    assert askable_name("foo:bar/baz.Example.com.") == "foo:bar/baz.example.com"
    assert askable_name("a b%20c.example.com") == "a b%20c.example.com"
    for text in (
        "",
        "single",
        "a..b.c",
        "x" * 64 + ".c",
        "a\0.example",
        "ü.example",
        "x." * 128,
        "192.0.2.1",
        "[192.0.2.1]",
        "a.b ",
        "a\\.example.org",
    ):
        assert askable_name(text) == ""


def test_within() -> None:
    assert is_within("example.com", "example.com")
    assert is_within("mail.example.com", "example.com")
    assert not is_within("mail.bad-example.com", "example.com")
    assert not is_within("com", "example.com")
