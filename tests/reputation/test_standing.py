"""How an address stands."""

import pytest

from postroom.mailauth.iprev import IprevResult, IprevVerdict
from postroom.reputation.database import Remembered
from postroom.reputation.settings import StrangersSettings
from postroom.reputation.standing import Standing, network_of, of_name, of_past

SETTINGS = StrangersSettings()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address, SETTINGS) == network


@pytest.mark.parametrize(
    ("result", "name", "found"),
    [
        (IprevResult.PASS, "mx.bar.test", []),
        (IprevResult.PASS, "192-0-2-7.isp.test", ["name.generic"]),
        (IprevResult.PASS, "192-0-2-7.dyn.isp.test", ["name.dynamic"]),
        (IprevResult.PASS, "192-0-2-7.static.isp.test", ["name.static"]),
        (IprevResult.FAIL, "", ["name.unconfirmed"]),
        (IprevResult.PERMERROR, "", ["name.none"]),
        (IprevResult.TEMPERROR, "", []),
    ],
)
def test_names(result: IprevResult, name: str, found: list[str]) -> None:
    parts = of_name(IprevVerdict(result, name, "why"), "192.0.2.7", SETTINGS)
    assert [part.name for part in parts] == found
    assert all(part.points > 0 for part in parts)


@pytest.mark.parametrize(
    ("passed", "good", "junk", "found"),
    [
        (False, 0, 0, None),
        (True, 4, 0, None),
        (False, 5, 0, "history.known"),
        (False, 20, 2, "history.known"),
        (False, 20, 3, None),
        (False, 1, 2, None),
        (True, 2, 3, "history.junk"),
    ],
)
def test_pasts(passed: bool, good: int, junk: int, found: str | None) -> None:
    parts = of_past(Remembered(0, 0, passed, good, junk), "192.0.2.0/24", SETTINGS)
    assert [part.name for part in parts] == ([found] if found else [])


def test_nothing_remembered() -> None:
    (part,) = of_past(None, "192.0.2.0/24", SETTINGS)
    assert (part.name, part.points) == ("history.none", SETTINGS.first_time_points)


def test_what_is_learnt_shows_at_once_and_names_are_bounded() -> None:
    standing = Standing("192.0.2.7", "192.0.2.0/24", None)
    standing.noted(2, 1, 5.0)
    standing.has_come_again(6.0)
    assert standing.remembered == Remembered(5.0, 6.0, True, 2, 1)
    for number in range(100):
        standing.keep_hello(f"h{number}.test", ())
        standing.keep_vouched(f"d{number}.test", None)
    assert len(standing.hellos) == len(standing.vouched) == 8
