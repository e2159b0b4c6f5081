"""Authentication-Results read: the examples, what receivers write, and what is to do harm."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.results import MethodResult, field, parse, parse_arc
from postroom.mailauth.results.reading import (
    MAX_COMMENT_DEPTH,
    MAX_FIELD_OCTETS,
    MAX_NESTED_COMMENTS,
    MAX_PROPERTIES,
    MAX_RESULTS,
)

# RFC 8601 appendix B


def test_example_without_results() -> None:
    read = parse(b" example.org 1; none")
    assert (read.authserv_id, read.version, read.results, read.problem) == ("example.org", 1, (), "")


@pytest.mark.parametrize(
    ("value", "results"),
    [
        (
            b" example.com;\r\n          spf=pass smtp.mailfrom=example.net\r\n",
            [MethodResult("spf", "pass", "", (("smtp", "mailfrom", "example.net"),))],
        ),
        (
            b" example.com;\r\n  auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n  spf=pass smtp.mailfrom=b.test",
            [
                MethodResult("auth", "pass", "", (("smtp", "auth", "sender@example.net"),)),
                MethodResult("spf", "pass", "", (("smtp", "mailfrom", "b.test"),)),
            ],
        ),
        (
            b" example.com; iprev=pass\r\n          policy.iprev=192.0.2.200",
            [MethodResult("iprev", "pass", "", (("policy", "iprev", "192.0.2.200"),))],
        ),
        (
            (
                b' example.com;\r\n dkim=pass reason="good signature"\r\n  header.i=@mail-router.example.net;\r\n'
                b' dkim=fail reason="bad signature"\r\n  header.i=@newyork.example.com'
            ),
            [
                MethodResult("dkim", "pass", "good signature", (("header", "i", "@mail-router.example.net"),)),
                MethodResult("dkim", "fail", "bad signature", (("header", "i", "@newyork.example.com"),)),
            ],
        ),
        (
            (
                b" example.com (foobar) 1 (baz);\r\n   dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
                b"     policy (A dot can go here) . (like that) expired\r\n"
                b"     (this surprised me) = (as I wasn't expecting it) 1362471462"
            ),
            [MethodResult("dkim", "fail", "", (("policy", "expired", "1362471462"),))],
        ),
    ],
)
def test_examples(value: bytes, results: list[MethodResult]) -> None:
    read = parse(value)
    assert (read.authserv_id, read.problem) == ("example.com", "")
    assert list(read.results) == results


@pytest.mark.parametrize(
    ("value", "results"),
    [
        # What large receivers write: bare addresses and base64, words without a type, a semicolon at the end.
        (b"a.test; spf=pass smtp.mailfrom=b+c=d@e.test", [("spf", "pass", (("smtp", "mailfrom", "b+c=d@e.test"),))]),
        (b'a.test; dkim=pass header.b="a/b+=="', [("dkim", "pass", (("header", "b", "a/b+=="),))]),
        (b"a.test; dkim=pass header.b=a/b+==", [("dkim", "pass", (("header", "b", "a/b+=="),))]),
        (
            b"a.test 1; spf=none; dmarc=pass action=none header.from=b.test;compauth=pass reason=100",
            [("spf", "none", ()), ("dmarc", "pass", (("header", "from", "b.test"),)), ("compauth", "pass", ())],
        ),
        (b"a.test; spf=pass;", [("spf", "pass", ())]),
        (b"a.test; SPF=Pass SMTP.MailFrom=B.test", [("spf", "pass", (("smtp", "mailfrom", "B.test"),))]),
        (b'a.test; spf=pass smtp.mailfrom="a b"@c.test', [("spf", "pass", (("smtp", "mailfrom", '"a b"@c.test'),))]),
        (b'a.test; spf=pass smtp.mailfrom="a\\"; x=y"', [("spf", "pass", (("smtp", "mailfrom", 'a"; x=y'),))]),
        (b"a.test; iprev=fail policy.iprev=2001:db8::1", [("iprev", "fail", (("policy", "iprev", "2001:db8::1"),))]),
        (b"a.test; dkim=pass header.d=", [("dkim", "pass", (("header", "d", ""),))]),
        (b"a.test", []),
        # Of another version nothing counts (RFC 8601 §2.6).
        (b"a.test 2; spf=pass", []),
        (b"a.test; dkim/2=pass header.d=b.test; spf=pass", [("spf", "pass", ())]),
        # A statement that is none is passed over, and its quoted strings and comments with it.
        (b'a.test; spf pass "; dmarc=pass" (; dkim=pass); iprev=fail', [("iprev", "fail", ())]),
        (b"a.test; =pass; spf=; ;iprev=fail", [("iprev", "fail", ())]),
    ],
)
def test_what_is_found(value: bytes, results: list[tuple[str, str, tuple[tuple[str, str, str], ...]]]) -> None:
    assert [(one.method, one.result, one.properties) for one in parse(value).results] == results


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"", "no authserv-id"),
        (b";spf=pass", "no authserv-id"),
        (b"a.test b.test; spf=pass", "something behind the authserv-id"),
        (b"a.test (b; spf=pass", "a comment without an end"),
        (b"a.test; spf=pass (b", "a comment without an end"),
        (b"a.test; spf=pass (b\\)", "a comment without an end"),
        (b'a.test; spf=pass reason="b', "a quoted string without an end"),
        (b'"a.test; spf=pass', "a quoted string without an end"),
        (b"a.test; spf=pass " + b"(" * MAX_COMMENT_DEPTH + b"(a", f"comments more than {MAX_COMMENT_DEPTH} deep"),
        (b"a.test" + b"; spf=pass" * (MAX_RESULTS + 1), f"more than {MAX_RESULTS} results"),
        (b"a.test; spf=pass reason=" + b"x" * MAX_FIELD_OCTETS, f"more than {MAX_FIELD_OCTETS} octets"),
        (b"a.test; spf=pass" + b" a.b=c" * (MAX_PROPERTIES + 1), f"more than {MAX_PROPERTIES} properties"),
        (
            b"a.test" + b"; spf=pass a.b=c a.b=c" * (MAX_RESULTS - 1) + b" a.b=c" * 200,
            f"more than {MAX_PROPERTIES} properties",
        ),
        (b"a.test 2; spf=pass", "version 2"),
        (
            b"a.test; spf=pass" + b"(())" * (MAX_NESTED_COMMENTS + 1),
            f"more than {MAX_NESTED_COMMENTS} comments in comments",
        ),
    ],
)
def test_of_a_field_that_cannot_be_read_no_result_counts(value: bytes, problem: str) -> None:
    read = parse(value)
    assert (read.results, read.problem) == ((), problem)


def test_comments_in_comments() -> None:
    deep = b"(" * MAX_COMMENT_DEPTH + b"; dmarc=pass" + b")" * MAX_COMMENT_DEPTH
    assert parse(b"a.test " + deep + b"; spf=pass " + deep).results == (MethodResult("spf", "pass"),)


def test_of_two_results_that_may_contradict_each_other_neither_is_the_only_one() -> None:
    read = parse(b"a.test; dmarc=fail header.from=a.test; dmarc=pass header.from=a.test; spf=pass")
    assert len(read.of("dmarc")) == 2
    assert read.only("dmarc") is None
    assert read.only("spf") == MethodResult("spf", "pass")
    assert read.of("dmarc")[1].value("header", "from") == "a.test"
    assert read.of("dmarc")[1].value("smtp", "from") == ""


@pytest.mark.parametrize(
    ("value", "instance"),
    [
        (b"i=1; a.test; spf=pass", 1),
        (b" (x) i (y) = (z) 50 (w) ; a.test; spf=pass", 50),
        (b"i=0; a.test; spf=pass", 0),
        (b"i=51; a.test; spf=pass", 0),
        (b"i=01; a.test; spf=pass", 0),
        (b"I=1; a.test; spf=pass", 0),
        (b"i=; a.test; spf=pass", 0),
        (b"i=1 a.test; spf=pass", 0),
        (b"i=1 2; a.test; spf=pass", 0),
        (b"a.test; i=1; spf=pass", 0),
    ],
)
def test_instances(value: bytes, instance: int) -> None:
    read = parse_arc(value)
    assert read.instance == instance
    assert read.results == ((MethodResult("spf", "pass"),) if instance else ())


@given(st.binary(max_size=300) | st.text(alphabet='a1.;=()"\\/ \r\n\ti', max_size=300).map(str.encode))
def test_whatever_is_read_nothing_is_raised(value: bytes) -> None:
    for read in (parse(value), parse_arc(value)):
        assert all(one.method and one.result for one in read.results)
        for result in read.results:
            assert field("a.test", [result])


@pytest.mark.parametrize(
    "unit",
    [
        b"(",
        b")",
        b'"',
        b"\\",
        b"()",
        b"(())",
        b"(\\",
        b";",
        b"a=b ",
        b"a=b;",
        b"a ",
        b"a.b=c ",
        b"=",
        b" ",
        b"\r\n ",
        b"a",
        b'""',
        b".",
    ],
)
def test_reading_takes_linear_time(unit: bytes) -> None:
    for start in (b"a.test; a=b ", b"a.test; a ", b"", b"i=1; a.test; a=b "):
        value = start + unit * ((MAX_FIELD_OCTETS - len(start)) // len(unit))
        begin = time.process_time()
        assert parse(value) is not None
        assert parse_arc(value) is not None
        assert time.process_time() - begin < 0.5
