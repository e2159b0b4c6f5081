"""Settings of filters."""

import pytest

from postroom.base import SettingError
from postroom.filters import FilterSettings, check_filters
from postroom.filters.settings import FilterPlace


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("127.0.0.1:11333", FilterPlace("127.0.0.1", 11333, "")),
        ("[::1]:783", FilterPlace("::1", 783, "")),
        ("filter.example.org:3310", FilterPlace("filter.example.org", 3310, "")),
        ("/run/clamd.ctl", FilterPlace("", 0, "/run/clamd.ctl")),
        ("unix:/run/clamd.ctl", FilterPlace("", 0, "/run/clamd.ctl")),
    ],
)
def test_places(address: str, place: FilterPlace) -> None:
    assert FilterSettings(kind="milter", address=address).place == place
    assert str(place) == address.removeprefix("unix:")


@pytest.mark.parametrize("address", ["", "127.0.0.1", "a:0", "a:65536", "::1:25", "a b:5", "clamd.ctl", "[x]:5", ":5"])
def test_what_is_no_place(address: str) -> None:
    with pytest.raises(SettingError):
        FilterSettings(kind="milter", address=address)


def test_what_is_usual_for_each_kind() -> None:
    usual = {kind: FilterSettings(kind=kind, address="a:1") for kind in ("rspamd", "milter", "spamassassin", "clamav")}
    assert {kind: (one.failure, one.limit, one.alters) for kind, one in usual.items()} == {
        "rspamd": ("tag", 52_428_800, False),
        "milter": ("defer", 0, True),
        "spamassassin": ("tag", 524_288, False),
        "clamav": ("defer", 104_857_600, False),
    }
    own = FilterSettings(kind="milter", address="a:1", on_failure="accept", max_octets=5, may_change=False)
    assert (own.failure, own.limit, own.alters) == ("accept", 5, False)
    assert FilterSettings(kind="clamav", address="a:1", max_octets=0).limit == 0


def test_names_and_listeners_have_to_be_right() -> None:
    one = FilterSettings(kind="milter", address="a:1", listeners=("smtp",))
    check_filters({"good-1": one}, {"smtp"})
    with pytest.raises(SettingError) as wrong:
        check_filters({"good": one}, {"submission"})
    assert wrong.value.place == ("good", "listeners")
    with pytest.raises(SettingError):
        check_filters({"no good": one}, {"smtp"})


def test_a_user_is_one_word() -> None:
    with pytest.raises(SettingError):
        FilterSettings(kind="spamassassin", address="a:1", user="a\r\nb")
