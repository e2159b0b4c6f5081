"""Address lists, tolerantly; single addresses, strictly."""

from email.utils import formataddr, getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.message.addresses import GROUP_END, Address, BadAddress, parse_address, parse_list, parse_mailbox


def _one(name: str | None, mailbox: str, host: str, route: str | None = None) -> Address:
    return Address(
        name.encode() if name is not None else None,
        route.encode() if route is not None else None,
        mailbox.encode(),
        host.encode(),
    )


def _group(name: str) -> Address:
    return Address(None, None, name.encode(), None)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a@b.c", [_one(None, "a", "b.c")]),
        ("John Doe <jdoe@machine.example>", [_one("John Doe", "jdoe", "machine.example")]),
        ('"Joe Q. Public" <john.q.public@example.com>', [_one("Joe Q. Public", "john.q.public", "example.com")]),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            [_one("Mary Smith", "mary", "x.test"), _one(None, "jdoe", "example.org"), _one("Who?", "one", "y.test")],
        ),
        ('"Giant; \\"Big\\" Box" <s@example.net>', [_one('Giant; "Big" Box', "s", "example.net")]),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            [
                _group("A Group"),
                _one("Ed Jones", "c", "a.test"),
                _one(None, "joe", "where.test"),
                _one("John", "jdoe", "one.test"),
                GROUP_END,
            ],
        ),
        ("Undisclosed recipients:;", [_group("Undisclosed recipients"), GROUP_END]),
        ("open: a@b", [_group("open"), _one(None, "a", "b"), GROUP_END]),
        # RFC 5322 Appendix A.5
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            [_one("Pete", "pete", "silly.test")],
        ),
        # Appendix A.6.1
        ("Joe <@node.test,@two.test:joe@dom.test>", [_one("Joe", "joe", "dom.test", "@node.test,@two.test")]),
        ("john@example.org (John Doe)", [_one("John Doe", "john", "example.org")]),
        ("j @ example . org", [_one(None, "j", "example.org")]),
        ("<a@b>", [_one(None, "a", "b")]),
        ("a@[192.0.2.1]", [_one(None, "a", "[192.0.2.1]")]),
        ('"a b"@c.d', [_one(None, "a b", "c.d")]),
        ("John Q. Public <j@example.org>", [_one("John Q. Public", "j", "example.org")]),
        ("A <a@b> B <c@d>", [_one("A", "a", "b"), _one("B", "c", "d")]),
        ("lonely", [_one(None, "lonely", "")]),
        ("Name <>", [_one("Name", "", "")]),
        ('"open', [_one(None, "open", "")]),
        ("a@b (open", [_one("open", "a", "b")]),
        ("Jürgen <j@ü.de>", [_one("Jürgen", "j", "ü.de")]),
    ],
)
def test_lists(field: str, expected: list[Address]) -> None:
    assert parse_list(field.encode()) == expected


def test_a_limit_on_addresses() -> None:
    assert len(parse_list(b"a@b," * 50, limit=10)) == 10
    assert len(parse_list(b"a . b@b," * 50, limit=10)) == 10


_NAMES = st.text(alphabet="abc XYZ.,;:<>()[]@\"\\'é=?", max_size=10).map(str.strip)
_LOCALS = st.from_regex(r"[a-z0-9+_-]{1,5}(\.[a-z0-9]{1,3})?", fullmatch=True)
_HOSTS = st.from_regex(r"[a-z]{1,5}(\.[a-z]{2,3})?", fullmatch=True)


@given(st.lists(st.tuples(_NAMES.filter(str.isascii), _LOCALS, _HOSTS), max_size=4))
def test_the_standard_library_reads_and_writes_the_same(people: list[tuple[str, str, str]]) -> None:
    field = ", ".join(formataddr((name, f"{local}@{host}")) for name, local, host in people)
    got = [
        ((one.name or b"").decode(), (one.mailbox or b"") + b"@" + (one.host or b""))
        for one in parse_list(field.encode())
    ]
    assert got == [(name, f"{local}@{host}".encode()) for name, local, host in people]
    assert [(name, address.decode()) for name, address in got] == getaddresses([field] if field else [])


@given(st.binary())
def test_junk_never_raises(field: bytes) -> None:
    for one in parse_list(field):
        assert (one.mailbox is None) <= (one.host is None)


@given(st.text(alphabet='ab@<>,;:.()"\\[] '))
def test_specials_never_raise(field: str) -> None:
    parse_list(field.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice@example.org", ("alice", "example.org")),
        ("bob+tag.x@Example.ORG", ("bob+tag.x", "Example.ORG")),
        ('"a b\\"c"@x.test', ('a b"c', "x.test")),
        ("a@[192.0.2.1]", ("a", "[192.0.2.1]")),
        ("jürgen@müller.test", ("jürgen", "müller.test")),
        ('"a@b"@c.test', ("a@b", "c.test")),
        ("a@localhost", ("a", "localhost")),
    ],
)
def test_addresses(text: str, expected: tuple[str, str]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b",
        "a@",
        "a..b@c",
        ".a@c",
        "a b@c",
        "a@-b",
        "a@b..c",
        "a@b c",
        "a\r\n@b",
        "a@b\n",
        '"a@b',
        "x" * 65 + "@b",
        "a@" + "b" * 64,
        "a@" + "b." * 130 + "c",
        "<a@b>",
        "a@[",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


def test_mailboxes() -> None:
    assert parse_mailbox("Alice Example <alice@example.org>") == ("Alice Example", "alice@example.org")
    assert parse_mailbox("alice@example.org") == ("", "alice@example.org")
    assert parse_mailbox("=?utf-8?q?J=C3=BCrgen?= <j@example.org>") == ("Jürgen", "j@example.org")
    assert parse_mailbox('"a b"@example.org') == ("", '"a b"@example.org')


@pytest.mark.parametrize("text", ["", "a@b, c@d", "g:;", "Alice", "Alice <>"])
def test_what_is_no_mailbox(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_mailbox(text)


@given(st.text())
def test_only_bad_address_is_raised(text: str) -> None:
    for read in (parse_address, parse_mailbox):
        try:
            local, domain = read(text)
        except BadAddress:
            continue
        assert domain
        assert "\n" not in domain
        assert "\n" not in local or read is parse_mailbox
