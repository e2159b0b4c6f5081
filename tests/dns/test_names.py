"""Names going in and coming out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.dns.names import BadDomainName, block_list_name, from_answer, name_server, reverse_name, to_question


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("Example.ORG.", "example.org"),
        ("_25._tcp.mx.example.org", "_25._tcp.mx.example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("_dmarc.b\u00fccher.example", "_dmarc.xn--bcher-kva.example"),
        ("\u4f8b\u3048\u3002\u30c6\u30b9\u30c8", "xn--r8jz45g.xn--zckzah"),
        ("x" * 63 + ".test", "x" * 63 + ".test"),
        ("test", "test"),
    ],
)
def test_to_question(name: str, question: str) -> None:
    assert to_question(name) == question


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a..b", ".a", "a b", "a-.b", "-a.b", "a\n.b", "x" * 64, "a." * 127 + "ab", "\u00ad", "a/b"]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(BadDomainName):
        to_question(name)


@given(st.text(max_size=40))
def test_nothing_but_bad_domain_name_is_raised(name: str) -> None:
    try:
        question = to_question(name)
    except BadDomainName:
        return
    assert question.isascii()
    assert to_question(question) == question


def test_from_answer() -> None:
    assert from_answer("MX.Example.org.") == "mx.example.org"
    assert from_answer(".") == ""


def test_reverse_name() -> None:
    assert reverse_name("192.0.2.1") == "1.2.0.192.in-addr.arpa"
    assert reverse_name("fe80::1%eth0").endswith(".0.8.e.f.ip6.arpa")
    with pytest.raises(BadDomainName):
        reverse_name("mx.example.org")


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:5353", "127.0.0.1:5353"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("[2001:DB8::1]:53", "[2001:db8::1]:53"),
    ],
)
def test_name_server(text: str, checked: str) -> None:
    assert name_server(text) == checked


@pytest.mark.parametrize("text", ["", "localhost:53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:x", "[::1]53", "1:2"])
def test_bad_name_server(text: str) -> None:
    with pytest.raises(ValueError, match="name server"):
        name_server(text)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.99", "99.2.0.192.bl.test"),  # RFC 5782 §2.1
        (
            "2001:db8:1:2:3:4:567:89ab",
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test",
        ),  # §2.4
    ],
)
def test_where_block_lists_are_asked(address: str, name: str) -> None:
    assert block_list_name(address, "bl.test") == name
    assert to_question(name) == name
