"""Messages as a server would read them, and its answers in any pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.ldap import (
    BadBer,
    Entry,
    ExtendedDone,
    MessageReader,
    Other,
    Result,
    ber,
    bind_request,
    read_filter,
    search_request,
    start_tls_request,
    unbind_request,
)


def reply(message_id: int, tag: int, content: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.integer(message_id) + ber.element(tag, content))


def done(code: int, text: bytes = b"") -> bytes:
    return ber.integer(code, ber.ENUMERATED) + ber.element(ber.OCTETS, b"") + ber.element(ber.OCTETS, text)


def entry(name: bytes, **attributes: list[bytes]) -> bytes:
    each = b""
    for attribute, values in attributes.items():
        inside = b"".join(ber.element(ber.OCTETS, value) for value in values)
        each += ber.element(ber.SEQUENCE, ber.element(ber.OCTETS, attribute.encode()) + ber.element(ber.SET, inside))
    return ber.element(ber.OCTETS, name) + ber.element(ber.SEQUENCE, each)


def test_requests() -> None:
    assert bind_request(1, b"cn=a", b"pw").hex() == "3012020101600d0201030404636e3d6180027077"
    assert unbind_request(3).hex() == "30050201034200"
    assert start_tls_request(2)[5:].startswith(b"\x77\x18\x80\x161.3.6.1.4.1.1466.20037")
    wanted = read_filter("(uid=x)").wire({})
    octets = search_request(
        7, base="dc=x", scope="sub", wanted=wanted, attributes=("mail", "1.1"), max_entries=2, seconds=5
    )
    elements = ber.Elements(ber.Elements(octets).expect(ber.SEQUENCE))
    assert elements.integer() == 7
    inside = ber.Elements(elements.expect(0x63))
    assert inside.octets() == b"dc=x"
    assert [inside.integer(ber.ENUMERATED), inside.integer(ber.ENUMERATED)] == [2, 0]
    assert [inside.integer(), inside.integer()] == [2, 5]
    assert bytes(inside.expect(ber.BOOLEAN)) == b"\0"
    assert bytes(inside.expect(0xA3)) == wanted[2:]
    assert [bytes(name) for name in ber.Elements(inside.expect(ber.SEQUENCE)).all(ber.OCTETS)] == [b"mail", b"1.1"]


STREAM = (
    reply(1, 0x61, done(49, b"wrong"))
    + reply(2, 0x64, entry(b"uid=b,dc=x", Mail=[b"b@x.test", b"c@x.test"], cn=[b"\xff"]))
    + reply(2, 0x73, ber.element(ber.OCTETS, b"ldap://elsewhere"))
    + reply(2, 0x65, done(0))
    + reply(0, 0x78, done(52) + ber.element(0x8A, b"1.3.6.1.4.1.1466.20036"))
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_responses_in_any_pieces(cuts: list[int]) -> None:
    reader, found = MessageReader(10_000), []
    places = [0, *sorted(cuts), len(STREAM)]
    for begin, end in itertools.pairwise(places):
        reader.feed(STREAM[begin:end])
        while (one := reader.next()) is not None:
            found.append(one)
    assert reader.empty
    assert found[0] == Result(1, 49, "wrong", "bind")
    person = found[1]
    assert isinstance(person, Entry)
    assert (person.name, person.text("MAIL"), person.text("cn"), person.text("sn")) == (
        b"uid=b,dc=x",
        "b@x.test",
        None,
        None,
    )
    assert found[2:] == [Other(2), Result(2, 0, "", "search"), ExtendedDone(0, 52, "", b"1.3.6.1.4.1.1466.20036")]


def test_an_entry_does_not_show_what_it_holds() -> None:
    assert "secret" not in repr(Entry(1, b"dc=x", {"userpassword": (b"secret",)}))


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"\x30\x80",
        b"\x30\x84\x7f\xff\xff\xff",
        reply(1, 0x61, b""),
        reply(1, 0x64, ber.element(ber.OCTETS, b"dc=x")),
        ber.element(ber.SEQUENCE, b""),
        ber.element(ber.SEQUENCE, ber.integer(1)),
        ber.element(ber.SEQUENCE, ber.element(ber.INTEGER, b"\0" * 9) + ber.element(0x65, done(0))),
    ],
)
def test_what_is_no_message(octets: bytes) -> None:
    reader = MessageReader(10_000)
    reader.feed(octets)
    with pytest.raises(BadBer):
        reader.next()


@given(st.binary(max_size=80))
def test_nothing_but_bad_ber_is_raised(octets: bytes) -> None:
    for prefix in (b"", b"\x30" + bytes([len(octets)]), b"\x30" + bytes([len(octets) + 3]) + b"\x02\x01\x01"):
        reader = MessageReader(1000)
        reader.feed(prefix + octets)
        try:
            while reader.next() is not None:
                pass
        except BadBer:
            pass
