"""The encoding below LDAP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.ldap import ber


@given(st.integers(-(2**31), 2**31 - 1))
def test_numbers_come_back(value: int) -> None:
    encoded = ber.integer(value)
    assert ber.Elements(encoded).integer() == value
    assert len(encoded) == 3 or encoded[2:4] not in (b"\x00\x00", b"\xff\xff")


@pytest.mark.parametrize(
    ("value", "octets"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (-1, "0201ff"), (256, "02020100"), (2**31 - 1, "02047fffffff")],
)
def test_numbers_are_short(value: int, octets: str) -> None:
    assert ber.integer(value).hex() == octets


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_lengths(length: int) -> None:
    encoded = ber.element(ber.OCTETS, b"x" * length)
    assert ber.Elements(encoded).octets() == b"x" * length
    assert ber.header(encoded) == (ber.OCTETS, len(encoded) - length, len(encoded))


def test_true_is_all_ones() -> None:
    assert (ber.boolean(True), ber.boolean(False)) == (b"\x01\x01\xff", b"\x01\x01\x00")


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x82", b"\x30\x82\x01"])
def test_a_header_that_is_not_all_there(octets: bytes) -> None:
    assert ber.header(octets) is None


@pytest.mark.parametrize("octets", [b"\x30\x80\x00\x00", b"\x30\x85\x00\x00\x00\x00\x01", b"\x1f\x81\x01\x00"])
def test_what_ldap_does_not_allow(octets: bytes) -> None:
    with pytest.raises(ber.BadBer):
        ber.header(octets)


@given(st.binary(max_size=60))
def test_nothing_but_bad_ber_is_raised(octets: bytes) -> None:
    elements = ber.Elements(octets)
    try:
        while elements:
            elements.next()
    except ber.BadBer:
        pass
    for read in (elements.integer, elements.octets):
        try:
            read()
        except ber.BadBer:
            pass
