"""Which certificates there should be, and when."""

import pytest
from tests.mailauth.authority import DAY, NOW, issue

from postroom.acme.kept import State
from postroom.acme.settings import AcmeSettings
from postroom.acme.wishes import Wish, after_failure, due_at, is_due, wishes


def test_one_for_the_server_one_for_each_domain_and_those_of_the_settings() -> None:
    settings = AcmeSettings(names={"web": ("WWW.a.test", "www.a.test", "a.test")})
    hosts = tuple(f"{host}.a.test" for host in ("mta-sts", "autoconfig", "autodiscover"))
    assert wishes(settings, "Mail.a.test", ["a.test"], web=True) == [
        Wish("hostname", ("mail.a.test",)),
        Wish("a.test", hosts, optional=True),
        Wish("web", ("www.a.test", "a.test")),
    ]
    assert [one.label for one in wishes(settings, "mail.a.test", ["a.test"], web=False)] == ["hostname", "web"]


def test_the_settings_may_say_what_is_in_one_of_those() -> None:
    settings = AcmeSettings(names={"hostname": ("mail.a.test", "imap.a.test"), "a.test": ("mta-sts.a.test",)})
    assert wishes(settings, "mail.a.test", ["a.test"], web=True) == [
        Wish("hostname", ("mail.a.test", "imap.a.test")),
        Wish("a.test", ("mta-sts.a.test",)),
    ]


WISH = Wish("a", ("a.test",))


@pytest.mark.parametrize(("day", "due"), [(0, False), (59, False), (60.5, True), (95, True)])
def test_a_third_of_the_life_is_left(day: float, due: bool) -> None:
    certificate = issue("a.test", days=(0, 90)).certificate
    assert due_at(certificate, 1 / 3) == NOW + 60 * DAY
    assert is_due(WISH, certificate, State(), 1 / 3, NOW + day * DAY) == due


def test_what_is_missing_or_has_other_names_is_due_unless_it_failed_just_now() -> None:
    certificate = issue("a.test", dns=("b.test",)).certificate
    assert is_due(WISH, None, State(), 1 / 3, NOW)
    assert is_due(WISH, certificate, State(), 1 / 3, NOW)
    assert not is_due(WISH, None, State(next_try=NOW + 1), 1 / 3, NOW)
    assert is_due(WISH, None, State(next_try=NOW), 1 / 3, NOW)


def test_failures_come_at_growing_distances_and_not_before_the_authority_wants() -> None:
    state = State(names=("a.test",), told_at=5.0)
    waits = []
    for _ in range(7):
        state = after_failure(state, "no", NOW, 3600, 86_400, None)
        waits.append((state.next_try - NOW) / 3600)
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    assert (state.failures, state.failure, state.names, state.told_at) == (7, "no", ("a.test",), 5.0)
    assert after_failure(State(), "no", NOW, 3600, 86_400, 7200.0).next_try == NOW + 7200
    assert after_failure(State(), "no", NOW, 3600, 86_400, 7.0).next_try == NOW + 3600
