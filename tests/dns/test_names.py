"""Names going in and coming out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.dns.names import (
    MAX_OCTETS,
    BadDomainName,
    block_list_name,
    exact_name,
    from_answer,
    is_plain,
    labels_of,
    name_server,
    reverse_name,
    to_question,
)


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


@pytest.mark.parametrize(
    ("name", "exact", "labels"),
    [
        ("Bob+Tag._spf.B.test.", "bob+tag._spf.b.test", (b"bob+tag", b"_spf", b"b", b"test")),
        ("a=b:c/d.test", "a=b:c/d.test", (b"a=b:c/d", b"test")),
        ("-a b-.test", "-a b-.test", (b"-a b-", b"test")),
        (r"a\@b\$\(.test", "a@b$(.test", (b"a@b$(", b"test")),  # as libraries write them
        (r"a\.b.test", r"a\.b.test", (b"a.b", b"test")),
        (r"a\046b.test", r"a\.b.test", (b"a.b", b"test")),
        (r"a\\.b.test", r"a\\.b.test", (b"a\\", b"b", b"test")),
        (r"a\092b.test", r"a\\b.test", (b"a\\b", b"test")),
        (r"\065\000\255.test", r"a\000\255.test", (b"a\0\xff", b"test")),
        ("a\tb.test", r"a\009b.test", (b"a\tb", b"test")),
        ("b\u00fccher.test", "xn--bcher-kva.test", (b"xn--bcher-kva", b"test")),
        (r"\255" * 63 + ".test", r"\255" * 63 + ".test", (b"\xff" * 63, b"test")),
        ("test", "test", (b"test",)),
    ],
)
def test_a_label_may_hold_any_octet(name: str, exact: str, labels: tuple[bytes, ...]) -> None:
    assert exact_name(name) == exact
    assert labels_of(exact) == labels
    assert exact_name(exact) == exact


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a..b", ".a", "a.test..", "x" * 64 + ".test", r"\255" * 64 + ".test", ".".join(["a" * 63] * 4),
     "no name",
     "@", "a.b+c", "a.b\\", r"a\25.test", r"a\256.test", "a\\", r"a.test\.", "\u00fc+.test", "\ufe56.test"],
)  # fmt: skip
def test_what_no_name_is_at_all(name: str) -> None:
    with pytest.raises(BadDomainName):
        exact_name(name)


def test_the_longest_name() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 57, "tst"])
    assert sum(len(label) + 1 for label in labels_of(longest)) + 1 == MAX_OCTETS
    assert exact_name(longest) == longest
    with pytest.raises(BadDomainName):
        exact_name(longest.replace("tst", "test"))


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5))
def test_every_name_has_one_text_and_every_text_one_name(labels: list[bytes]) -> None:
    text = ".".join("".join(rf"\{octet:03}" for octet in label) for label in labels) + ".test"
    exact = exact_name(text)
    assert labels_of(exact) == (*(label.lower() for label in labels), b"test")
    assert exact_name(exact) == exact == from_answer(text)


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_only_bad_domain_name_is_raised_for_exact_ones(text: str) -> None:
    try:
        exact = exact_name(text)
    except BadDomainName:
        assert not is_plain(text)
        return
    assert exact.isprintable()


def test_hosts_are_called_by_few_characters() -> None:
    assert all(map(is_plain, ("Mx-1.test", "_dmarc.b.test.", "b\u00fccher.test")))
    assert not any(map(is_plain, ("a+b.test", "a b.test", r"a\.b.test", "-a.test", "")))


def test_from_answer() -> None:
    assert from_answer(r"Bob\@A\.b.Test.") == r"bob@a\.b.test"
    assert from_answer(r"half\25.test") == r"half\25.test"  # no library says so
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
