"""SPF records: selection and grammar (RFC 7208 §4.5, §4.6.1, §12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.spf.record import BadRecord, read_record, select_records


def test_selection() -> None:
    texts = [
        b"v=spf1 -all",
        b"V=SPF1",
        b"v=spf10",
        b"v=spf1\t-all",
        b" v=spf1",
        b"",
        b"v=spf1;",
        b"\xff",
        b"spf1 -all",
        b"v=spf",
    ]
    assert select_records(texts) == [b"v=spf1 -all", b"V=SPF1"]


def test_a_whole_record() -> None:
    record = read_record(
        b"v=spf1  +A MX:m.example/24//64 ?include:_spf.%{d} ptr ip4:192.0.2.0/24 ~ip6:2001:db8::/32 "
        b"exists:%{i}.x.example -all redirect=r.example EXP=e.example other=%{t}/ "
    )
    assert [(one.qualifier, one.mechanism) for one in record.directives] == [
        ("+", "a"), ("+", "mx"), ("?", "include"), ("+", "ptr"), ("+", "ip4"), ("~", "ip6"),
        ("+", "exists"), ("-", "all"),
    ]  # fmt: skip
    a, mx, include, _, ip4, ip6, _, everything = record.directives
    assert (a.target, a.prefix4, a.prefix6, a.text) == (None, 32, 128, "+A")
    assert mx.target is not None
    assert (mx.target.text, mx.prefix4, mx.prefix6) == ("m.example", 24, 64)
    assert include.target is not None
    assert include.target.letters == {"d"}
    assert (ip4.network, ip4.prefix4) == (0xC0000200, 24)
    assert (ip6.network, ip6.prefix6) == (0x20010DB8 << 96, 32)
    assert record.redirect is not None
    assert record.exp is not None
    assert (record.redirect.text, record.exp.text, record.has_all) == ("r.example", "e.example", True)
    assert [one.asks for one in (a, mx, include, ip4, ip6, everything)] == [True, True, True, False, False, False]


@pytest.mark.parametrize(
    "term",
    [
        "a:x.example/0", "a/32//128", "a//0", "mx:%{d}/24", "a:foo:bar/baz.example.com", "a:x.example/24.example",
        "ip4:0.0.0.0/0",
        "ip4:192.0.2.1/32", "ip6:::/0", "ip6:::ffff:192.0.2.1", "ip6:2001:DB8::1/128", "ptr:x.example.", "x=",
        "x.y-z_0=%{c}",
        "default=pass", "exists:%{i}", "+include:%{l}._.%{o}", "PTR", "m=ip4:1", "include=x",
    ],
)  # fmt: skip
def test_good_terms(term: str) -> None:
    assert read_record(b"v=spf1 " + term.encode()).text.endswith(term)


@pytest.mark.parametrize(
    "term",
    [
        "all:x.example", "all.", "all/8", "al", "-", "+", "--all", "+-all", "*all", "=all", "1x=y", "a:", "a/",
        "a//", "a/033", "a/33",
        "a//129", "a/24/64", "a/24//", "a///64", "a/-1", "a:x.example/", "a:x.example/24\n", "a\n", "a.", "ip4",
        "ip4:", "ip4/24",
        "ip4:1.2.3", "ip4:1.2.3.4.5", "ip4:1.2.3.256", "ip4:01.2.3.4", "ip4:1.2.3.4/", "ip4:1.2.3.4/33",
        "ip4:1.2.3.4//24",
        "ip4:1.2.3.4/24/24", "ip4:1.2.3.4/024", "ip4:%{i}", "ip4:2001:db8::1", "ip4=1.2.3.4 ip4", "ip6", "ip6:",
        "ip6:1.2.3.4",
        "ip6::::", "ip6:fe80::1%eth0", "ip6:2001:db8::/129", "ip6:2001:db8::/00", "ip6:12345::", "include",
        "include:",
        "include:x.example/24", "include:com", "exists", "exists:", "exists:x.example//64", "ptr:", "ptr/24",
        "redirect=",
        "redirect=x.example redirect=x.example", "exp=x.example EXP=x.example", "redirect:x.example", "exp=",
        "exp=-all",
        "+redirect=x.example", "x=%", "x=%{z}", "a:1.2.3.4", "mx:x.1", "a:%{c}", "include:%{t}.x.example", "\tall",
        "all\t", "all\0",
        "ALLx", "unknown", "unknown:x.example", "ip5:1.2.3.4", "a:x.example,", "v=spf1 v",
    ],
)  # fmt: skip
def test_bad_terms(term: str) -> None:
    with pytest.raises(BadRecord):
        read_record(b"v=spf1 " + term.encode() + b" -all")


def test_octets_beyond_ascii() -> None:
    with pytest.raises(BadRecord, match=r"not ASCII after 'v=spf1 a:'"):
        read_record(b"v=spf1 a:\xef\xbb\xbfx.example -all")


def test_the_message_tells_the_term() -> None:
    with pytest.raises(BadRecord, match=r"'a:192\.0\.2\.1': '192\.0\.2\.1' does not end in a top-level domain"):
        read_record(b"v=spf1 a:192.0.2.1 -all")
    with pytest.raises(BadRecord, match="'al': no mechanism is called 'al'"):
        read_record(b"v=spf1 al")


def test_a_number_of_any_length_is_read_without_trouble() -> None:
    for term in (b"a/" + b"1" * 10_000, b"ip4:1.2.3.4/" + b"1" * 10_000, b"a:%{d" + b"0" * 10_000 + b"}"):
        with pytest.raises(BadRecord):
            read_record(b"v=spf1 " + term)
    assert read_record(b"v=spf1 a:%{d" + b"1" * 10_000 + b"}")


PARTS = [
    "a",
    "mx",
    "ptr",
    "ip4:",
    "ip6:",
    "all",
    "include:",
    "exists:",
    "redirect=",
    "exp=",
    "x.example",
    "%{d}",
    "/24",
    "//64",
    " ",
]


@given(st.lists(st.sampled_from(PARTS) | st.text("+-~?.:/=%{}d1 \n\t\0é", max_size=3), max_size=20))
def test_reading_raises_nothing_but_bad_record(parts: list[str]) -> None:
    try:
        record = read_record(b"v=spf1 " + "".join(parts).encode())
    except BadRecord:
        return
    assert " ".join(one.text for one in record.directives).isprintable()
