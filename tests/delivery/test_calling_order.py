"""Which address is called first."""

import pytest

from postroom.delivery.calling_order import in_calling_order

V4, V4B = "192.0.2.1", "192.0.2.2"
V6, V6B = "2001:db8::1", "2001:db8::2"
TEREDO, SIX_TO_FOUR, PRIVATE = "2001::1", "2002:c000:201::1", "fd00::1"


@pytest.mark.parametrize(
    ("first", "second", "order"),
    [
        ([V6, V6B], [V4], (V6, V4, V6B)),
        ([V6], [V4, V4B], (V6, V4, V4B)),
        ([], [V4, V4B], (V4, V4B)),
        ([V4, V4], [V6], (V4, V6)),
        ([], [], ()),
    ],
)
def test_families_alternate(first: list[str], second: list[str], order: tuple[str, ...]) -> None:
    assert in_calling_order(first, second) == order
    assert in_calling_order(first, second, {V4: V4, V4B: V4, V6: V6, V6B: V6}.get) == order


def test_what_has_no_way_comes_last() -> None:
    """RFC 6724 §6, rule 1."""
    only_v4 = {V4: "10.0.0.1", V4B: "10.0.0.1"}.get
    assert in_calling_order([V6, V6B], [V4, V4B], only_v4) == (V4, V4B, V6, V6B)
    assert in_calling_order([V6], [V4], lambda _: None) == (V6, V4)


def test_a_tunnel_comes_behind_what_needs_none() -> None:
    """RFC 6724 §6, rules 5 and 6."""
    native = dict.fromkeys((V6, TEREDO, SIX_TO_FOUR, PRIVATE), "2001:db8::99") | {V4: "10.0.0.1"}
    assert in_calling_order([TEREDO, PRIVATE, SIX_TO_FOUR, V6], [], native.get) == (V6, SIX_TO_FOUR, TEREDO, PRIVATE)
    assert in_calling_order([TEREDO], [V4], native.get) == (V4, TEREDO)


def test_who_has_but_a_private_address_for_ipv6_begins_with_ipv4() -> None:
    assert in_calling_order([V6], [V4], {V6: "fd00::9", V4: "10.0.0.1"}.get) == (V4, V6)
    assert in_calling_order([PRIVATE], [V4], {PRIVATE: "fd00::9", V4: "10.0.0.1"}.get) == (PRIVATE, V4)
