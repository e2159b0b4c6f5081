"""Alias expansion ends, whatever the aliases are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.accounts import (
    AccountSettings,
    Alias,
    AliasTrouble,
    Found,
    LocalTarget,
    RemoteTarget,
    SocketTarget,
    Unknown,
)
from postroom.accounts.memory import MemoryTables
from postroom.accounts.resolution import may_send_as, resolve

NAMES = st.sampled_from(["a", "b", "c", "d", "bob", "bob+x", "postmaster", "ghost", "a+b", ""])
ADDRESSES = st.builds(
    lambda name, domain: f"{name}@{domain}", NAMES, st.sampled_from(["e.org", "f.org", "remote.test"])
)
GRAPHS = st.dictionaries(
    ADDRESSES.filter(lambda address: "remote" not in address),
    st.lists(ADDRESSES.filter(lambda address: address[0] != "@"), min_size=1, max_size=4).map(tuple),
    max_size=8,
)


def _tables(graph: dict[str, tuple[str, ...]]) -> MemoryTables:
    tables = MemoryTables()
    tables.add_domain("e.org")
    tables.add_domain("f.org")
    tables.add_person("bob@e.org", "bob@e.org", (None, None))
    for key, targets in graph.items():
        tables.set_alias(key, Alias(key, targets))
    return tables


@given(GRAPHS, ADDRESSES, st.sampled_from(["", "a@e.org", "postmaster+x@f.org", "bob@e.org"]))
def test_every_expansion_ends_within_its_limits(
    graph: dict[str, tuple[str, ...]], address: str, appointed: str
) -> None:
    tables = _tables(graph)
    settings = AccountSettings(max_alias_depth=4, max_alias_targets=3, postmaster=appointed)
    try:
        answer = resolve(tables, settings, address)
    except AliasTrouble:
        return
    if isinstance(answer, Found):
        assert 1 <= len(answer.targets) <= 3
        locals_ = [target for target in answer.targets if isinstance(target, LocalTarget)]
        assert len(locals_) <= 1  # there is one person: no duplicates
        assert all(target.address == address for target in locals_)
        remote = [target.address for target in answer.targets if isinstance(target, RemoteTarget)]
        assert len(set(remote)) == len(remote)
        assert all(there.endswith("@remote.test") for there in remote)


@given(GRAPHS, st.sampled_from(["e.org", "f.org"]))
def test_postmaster_is_never_unknown(graph: dict[str, tuple[str, ...]], domain: str) -> None:
    tables = _tables({key: targets for key, targets in graph.items() if not key.startswith("postmaster")})
    for appointed in ("", "a@e.org", "postmaster+x@f.org"):
        settings = AccountSettings(postmaster=appointed)
        assert isinstance(resolve(tables, settings, f"postmaster@{domain}"), Found)
        assert resolve(tables, settings, "postmaster") != Unknown()


@given(GRAPHS, ADDRESSES)
def test_who_may_send_as_an_address_gets_its_mail_or_owns_it(graph: dict[str, tuple[str, ...]], address: str) -> None:
    tables = _tables(graph)
    settings = AccountSettings(max_alias_depth=100)
    bob = tables.people()[0]
    try:
        allowed = may_send_as(tables, settings, bob, address)
        answer = resolve(tables, settings, address)
    except AliasTrouble:
        return
    if allowed and not address.startswith("bob"):
        assert answer == Found((LocalTarget(bob, address, _detail(answer)),))


def _detail(answer: object) -> str:
    assert isinstance(answer, Found)
    assert isinstance(answer.targets[0], LocalTarget)
    return answer.targets[0].detail


def test_an_alias_leads_to_a_programs_socket_with_the_address_it_was_sent_to() -> None:
    tables = _tables({"a@e.org": ("lmtp:/run/app.sock", "b@e.org"), "b@e.org": ("lmtp:/run/app.sock", "bob@e.org")})
    answer = resolve(tables, AccountSettings(), "A+x@e.org")
    assert isinstance(answer, Found)
    socket, person = answer.targets
    assert socket == SocketTarget("lmtp:/run/app.sock", "A+x@e.org")
    assert isinstance(person, LocalTarget)
    bob = person.person
    assert not may_send_as(tables, AccountSettings(), bob, "a@e.org")


def _forwarding(**people: tuple[tuple[str, ...], bool, tuple[str, ...]]) -> MemoryTables:
    tables = MemoryTables()
    tables.add_domain("e.org")
    for name, (forward, keep, copies) in people.items():
        account_id = tables.add_person(f"{name}@e.org", f"{name}@e.org", (None, None))
        tables.set_forwarding(account_id, forward, keep, copies)
    return tables


def _led_to(tables: MemoryTables, address: str, settings: AccountSettings | None = None) -> list[str]:
    answer = resolve(tables, settings or AccountSettings(), address)
    assert isinstance(answer, Found)
    return [t.person.address if isinstance(t, LocalTarget) else t.address for t in answer.targets]


AWAY = "x@remote.test"


@pytest.mark.parametrize(
    ("people", "led_to"),
    [
        ({"a": ((AWAY,), True, ())}, [AWAY, "a@e.org"]),
        ({"a": ((AWAY,), False, ())}, [AWAY]),
        ({"a": ((), False, (AWAY,))}, [AWAY, "a@e.org"]),  # copies are no forwarding: it is kept
        ({"a": (("nobody@e.org",), False, ())}, ["a@e.org"]),  # nobody would have it
        ({"a": (("a@e.org",), False, ())}, ["a@e.org"]),
        ({"a": (("b@e.org",), False, ()), "b": (("a@e.org",), False, ())}, ["b@e.org"]),  # a circle ends
        ({"a": (("b@e.org",), False, ()), "b": ((AWAY,), True, ())}, [AWAY, "b@e.org"]),
        ({"a": (("b@e.org", "c@e.org"), False, ()), "b": (("c@e.org",), False, ()), "c": ((), True, ())}, ["c@e.org"]),
        ({"a": (("lmtp:/run/x",), False, ())}, ["a+tag@e.org"]),
    ],
)
def test_where_people_want_their_mail(
    people: dict[str, tuple[tuple[str, ...], bool, tuple[str, ...]]], led_to: list[str]
) -> None:
    tables = _forwarding(**people)
    assert _led_to(tables, "a+tag@e.org") == led_to
    answer = tables.person("a@e.org")
    assert answer is not None
    for address in ("a@e.org", "a+x@e.org"):
        assert may_send_as(tables, AccountSettings(), answer, address)
    tables.set_alias("too@e.org", Alias("too@e.org", ("a@e.org",)))
    assert may_send_as(tables, AccountSettings(), answer, "too@e.org")  # where mail goes is another matter


def test_who_is_disabled_forwards_nothing_and_long_chains_are_refused() -> None:
    tables = _forwarding(a=((AWAY,), False, (AWAY,)))
    tables.set_enabled(1, False)
    assert _led_to(tables, "a@e.org") == ["a@e.org"]
    chain = _forwarding(**{f"p{n}": ((f"p{n + 1}@e.org",), False, ()) for n in range(9)})
    assert _led_to(chain, "p0@e.org") == ["p8@e.org"]
    with pytest.raises(AliasTrouble):
        _led_to(chain, "p0@e.org", AccountSettings(max_alias_depth=5))
