"""Authentication-Results written: it can be read again, and holds nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.results import MethodResult, arc_field, field, parse
from postroom.mailauth.results.writing import MAX_LINE


def value_of(written: bytes) -> bytes:
    return written.partition(b":")[2]


def test_what_is_written() -> None:
    results = [
        MethodResult("spf", "pass", "", (("smtp", "mailfrom", "b.test"), ("smtp", "helo", "mail.b.test"))),
        MethodResult("dkim", "fail", 'the body "was" changed', (("header", "d", "b.test"), ("header", "b", "ab/d+="))),
        MethodResult("iprev", "pass", "", (("policy", "iprev", "2001:db8::1"),)),
    ]
    assert field("mx.a.test", results) == (
        b"Authentication-Results: mx.a.test;\r\n"
        b" spf=pass smtp.mailfrom=b.test smtp.helo=mail.b.test;\r\n"
        b' dkim=fail reason="the body \\"was\\" changed" header.d=b.test\r\n header.b="ab/d+=";\r\n'
        b' iprev=pass policy.iprev="2001:db8::1"\r\n'
    )
    assert field("mx.a.test", []) == b"Authentication-Results: mx.a.test;\r\n none\r\n"
    assert arc_field(2, "mx.a.test", results[:1]) == (
        b"ARC-Authentication-Results: i=2; mx.a.test;\r\n spf=pass smtp.mailfrom=b.test smtp.helo=mail.b.test\r\n"
    )


@pytest.mark.parametrize(
    ("value", "utf8", "written"),
    [
        ("b.test\r\nSubject: x", False, b'"b.test Subject: x"'),
        ("b.test; dmarc=pass", False, b'"b.test; dmarc=pass"'),
        ("b.test(; dmarc=pass", False, b'"b.test(; dmarc=pass"'),
        ('"; dmarc=pass', False, b'"\\"; dmarc=pass"'),
        ("\\", False, b'"\\\\"'),
        ("b\0.test\x7f", False, b'"b?.test?"'),
        ("", False, b'""'),
        ("a@b.test", False, b"a@b.test"),
        ("@b.test", False, b"@b.test"),
        ("a+c=d/e@b.test", False, b"a+c=d/e@b.test"),
        ('"a b"@b.test', False, b'"a b"@b.test'),
        ('"a;" b"@b.test', False, b'"\\"a;\\" b\\"@b.test"'),
        ("a..c@b.test", False, b'"a..c@b.test"'),
        ("bücher.test", False, b"xn--bcher-kva.test"),
        ("a@bücher.test", False, b"a@xn--bcher-kva.test"),
        ("jörg@bücher.test", False, b"j?rg@xn--bcher-kva.test"),
        ("jörg@bücher.test", True, "jörg@bücher.test".encode()),
        ("für alle", False, b'"f?r alle"'),
        ("für alle", True, '"für alle"'.encode()),
        ("b\u2028c\u202ed\x85", True, b'"b?c?d?"'),
        ("b\udcffc", True, b'"b?c"'),
        ("b\udcffc", False, b'"b?c"'),
        ("xn--\udcff." * 100, False, b'"' + b"xn--?." * 66 + b'x..."'),
        ("ü" * 300 + ".test", False, b'"' + b"?" * 300 + b'.test"'),
    ],
)
def test_values(value: str, utf8: bool, written: bytes) -> None:
    result = field("a.test", [MethodResult("spf", "pass", "", (("smtp", "helo", value),))], utf8=utf8)
    assert re.sub(rb"\r\n ", b" ", result) == b"Authentication-Results: a.test; spf=pass smtp.helo=" + written + b"\r\n"
    assert [(one.method, one.result) for one in parse(value_of(result)).results] == [("spf", "pass")]


@pytest.mark.parametrize("word", ["", "a b", "a=b", "a;b", "a\r\nb", "-a", "ä", "a" * 65])
def test_a_word_that_is_no_keyword_is_not_written(word: str) -> None:
    for result in (
        MethodResult(word, "pass"),
        MethodResult("spf", word),
        MethodResult("spf", "pass", "", ((word, "a", "b"),)),
        MethodResult("spf", "pass", "", (("a", word, "b"),)),
    ):
        with pytest.raises(ValueError, match="not a keyword"):
            field("a.test", [result])


@pytest.mark.parametrize("instance", [0, 51, -1])
def test_no_other_instances_are_written(instance: int) -> None:
    with pytest.raises(ValueError, match="not an instance"):
        arc_field(instance, "a.test", [])


_VALUES = st.text(max_size=120) | st.text(alphabet='ab@.;=()"\\ \r\n\tü', max_size=120)
_KEYWORDS = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,10}[a-z0-9]\Z")
_RESULTS = st.builds(
    MethodResult,
    _KEYWORDS,
    _KEYWORDS,
    _VALUES,
    st.lists(st.tuples(_KEYWORDS, _KEYWORDS, _VALUES), max_size=4).map(tuple),
)


@given(_VALUES, st.lists(_RESULTS, max_size=5), st.booleans())
def test_what_is_written_is_read_as_just_that(authserv_id: str, results: list[MethodResult], utf8: bool) -> None:
    written = field(authserv_id, results, utf8=utf8)
    lines = written.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.strip() for line in lines)
    assert all(line.startswith(b" ") for line in lines[1:])
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|[^\r]\n", written)
    assert written.isascii() or utf8
    for line in lines:
        text = line.decode()
        assert len(text) <= MAX_LINE or " " not in text.strip()
        assert len(line) <= 998
    read = parse(value_of(written))
    if not authserv_id.strip():
        return
    assert read.problem in ("", "no authserv-id")
    if not read.problem:
        assert [one._replace(reason="") for one in read.results] == [
            MethodResult(
                one.method,
                one.result,
                "",
                tuple((a, b, c) for (a, b, _), (_, _, c) in zip(one.properties, two.properties, strict=True)),
            )
            for one, two in zip(results, read.results, strict=True)
        ]


@given(st.lists(st.tuples(_KEYWORDS, st.text(alphabet="abc;=()\"\\' .@,:<>", max_size=60)), max_size=5))
def test_values_come_back_as_they_were(pairs: list[tuple[str, str]]) -> None:
    properties = tuple(("header", name, " ".join(value.split())) for name, value in pairs)
    read = parse(value_of(field("a.test", [MethodResult("dkim", "pass", "why", properties)])))
    assert read.results == (MethodResult("dkim", "pass", "why", properties),)
