"""Alias expansion ends, whatever the aliases are."""

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
    tables.add_person("bob@e.org", "bob@e.org", None, (None, None))
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
