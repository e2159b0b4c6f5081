"""Filters: their grammar, and that no value gets out of its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.ldap import BadFilter, ber, read_filter

PLACES = ("address", "user")


def shown(octets: bytes | memoryview) -> str:
    """A filter on the wire, in words."""
    tag, content = ber.Elements(octets).next()
    if tag in (0xA0, 0xA1, 0xA2):
        inside, parts = ber.Elements(content), []
        while inside:
            kind, value = inside.next()
            parts.append(shown(ber.element(kind, bytes(value))))
        return {0xA0: "and", 0xA1: "or", 0xA2: "not"}[tag] + f"({', '.join(parts)})"
    if tag == 0x87:
        return f"{bytes(content).decode()} present"
    inside = ber.Elements(content)
    if tag == 0xA4:
        name = inside.octets().decode()
        pieces = ber.Elements(inside.expect(ber.SEQUENCE))
        found = []
        while pieces:
            kind, value = pieces.next()
            found.append({0x80: "begins", 0x81: "has", 0x82: "ends"}[kind] + f" {bytes(value)!r}")
        return f"{name} {' '.join(found)}"
    if tag == 0xA9:
        found = []
        while inside:
            kind, value = inside.next()
            found.append(f"{kind:x}={bytes(value)!r}")
        return " ".join(found)
    sign = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "~="}[tag]
    return f"{inside.octets().decode()} {sign} {inside.octets()!r}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(cn=Babs Jensen)", "cn = b'Babs Jensen'"),
        ("(!(cn=Tim Howes))", "not(cn = b'Tim Howes')"),
        (
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            "and(objectClass = b'Person', or(sn = b'Jensen', cn begins b'Babs J'))",
        ),
        ("(o=univ*of*mich*)", "o begins b'univ' has b'of' has b'mich'"),
        ("(o=*mich)", "o ends b'mich'"),
        ("(seeAlso=)", "seeAlso = b''"),
        ("(seeAlso=*)", "seeAlso present"),
        ("(a>=1)", "a >= b'1'"),
        ("(a<=1)", "a <= b'1'"),
        ("(a~=1)", "a ~= b'1'"),
        (
            r"(o=Parens R Us \28for all your parenthetical needs\29)",
            "o = b'Parens R Us (for all your parenthetical needs)'",
        ),
        (r"(cn=*\2A*)", "cn has b'*'"),
        (r"(filename=C:\5cMyFile)", r"filename = b'C:\\MyFile'"),
        (r"(bin=\00\00\00\04)", r"bin = b'\x00\x00\x00\x04'"),
        (r"(sn=Lu\c4\8di\c4\87)", r"sn = b'Lu\xc4\x8di\xc4\x87'"),
        ("(sn=Lučić)", r"sn = b'Lu\xc4\x8di\xc4\x87'"),
        ("(1.3.6.1.4.1.1466.0=\\04\\02\\48\\69)", r"1.3.6.1.4.1.1466.0 = b'\x04\x02Hi'"),
        ("(userCertificate;binary=x)", "userCertificate;binary = b'x'"),
        ("(cn:caseExactMatch:=Fred Flintstone)", "81=b'caseExactMatch' 82=b'cn' 83=b'Fred Flintstone'"),
        ("(sn:dn:2.4.6.8.10:=Barney)", r"81=b'2.4.6.8.10' 82=b'sn' 83=b'Barney' 84=b'\xff'"),
        ("(o:dn:=Ace)", r"82=b'o' 83=b'Ace' 84=b'\xff'"),
        ("(:DN:2.4.6.8.10:=Dino)", r"81=b'2.4.6.8.10' 83=b'Dino' 84=b'\xff'"),
        ("(cn:=Betty)", "82=b'cn' 83=b'Betty'"),
        ("(mail={address})", "mail = b'bob@example.org'"),
        ("(mail=smtp:{address})", "mail = b'smtp:bob@example.org'"),
        ("(mail=*{user}*)", "mail has b'bob'"),
    ],
)
def test_filters(text: str, words: str) -> None:
    """The examples of RFC 4515 §4 among them."""
    values = {"address": "bob@example.org", "user": "bob"}
    assert shown(read_filter(text, PLACES).wire(values)) == words


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cn=x",
        "(cn=x",
        "(cn=x))",
        "(cn=x)(cn=y)",
        "((cn=x))",
        "(&)",
        "(|)",
        "(!)",
        "(!(a=b)(c=d))",
        "(=x)",
        "(cn)",
        "(cn=a(b)",
        "(cn=\\)",
        "(cn=\\4)",
        "(cn=\\zz)",
        "(cn=\0)",
        "(cn>=a*)",
        "(cn=**)",
        "(cn=***)",
        "(:=x)",
        "(cn:=a*)",
        "(cn::=x)",
        "(-cn=x)",
        "(cn={other})",
        "(cn={address)",
        "(cn={})",
        "(cn={address!r})",
        "(!" * 1000 + "(a=b)" + ")" * 1000,
        "(a=" + "b" * 5000 + ")",
    ],
)
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(BadFilter):
        read_filter(text, PLACES)


@pytest.mark.parametrize(
    "evil",
    ["*", "*)(uid=*))(|(uid=*", "bob)(|(objectClass=*)", "\\2a", "\0", "bob\0)(cn=*", "{user}", "", "(" * 100, "é\\"],
)
def test_a_value_stays_in_its_place(evil: str) -> None:
    """LDAP injection: what is between the parentheses of the settings stays the question."""
    wanted = read_filter("(&(objectClass=person)(|(mail={address})(uid={user})))", PLACES)
    words = shown(wanted.wire({"address": evil, "user": evil}))
    octets = evil.encode()
    assert words == f"and(objectClass = b'person', or(mail = {octets!r}, uid = {octets!r}))"


@given(st.text(max_size=40))
def test_any_value_stays_in_its_place(value: str) -> None:
    try:
        octets = value.encode()
    except UnicodeEncodeError:
        return
    wanted = read_filter("(mail={address})", PLACES)
    assert shown(wanted.wire({"address": value})) == f"mail = {octets!r}"


def test_an_empty_value_between_stars_does_not_match_everything() -> None:
    assert shown(read_filter("(mail={user}*)", PLACES).wire({"user": ""})) == "mail begins b'\\x00'"
