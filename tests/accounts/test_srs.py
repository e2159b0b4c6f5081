"""Senders of forwarded mail: there and back, and nobody else's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.accounts.addresses import split
from postroom.accounts.srs import forwarded, is_forwarded, original

SECRET, OLD = b"s" * 32, b"o" * 32
NOW, DAY = 1_760_000_000.0, 86_400.0
WEEK = 7 * DAY


def back(address: str, now: float = NOW, secrets: tuple[bytes, ...] = (SECRET,)) -> str | None:
    return original(split(address)[0], secrets, now, WEEK)


@pytest.mark.parametrize(
    "sender",
    [
        "bob@b.test",
        "Bob.Smith+x=y@b.test",
        '"bob smith"@b.test',
        '"a\\"b\\\\c"@b.test',
        "j\u00f6rg@b.test",
        "srs@b.test",
        "SRS0x@b.test",
        "srs0=@b.test",
        "SRS0=AAAAAAAA=AA=c.test=x@b.test",
        "srs0+AAAAAAAA=AA=c.test=x@b.test",
    ],
)
def test_there_and_back(sender: str) -> None:
    address = forwarded(sender, "a.test", SECRET, NOW)
    assert address.endswith("@a.test")
    assert is_forwarded(split(address)[0])
    assert back(address) == sender.replace("srs0", "SRS0") if is_forwarded(split(sender)[0]) else sender
    assert (back(address.lower()) or "").lower() == sender.lower()  # where case is lost on the way


def test_the_forms() -> None:
    first = forwarded("bob@b.test", "a.test", SECRET, NOW)
    assert first.startswith("SRS0=")
    assert first.endswith("=b.test=bob@a.test")
    second = forwarded(first, "c.test", OLD, NOW)
    assert second.startswith("SRS1=")
    assert second.endswith("=a.test=" + first.removeprefix("SRS0").removesuffix("@a.test") + "@c.test")
    third = forwarded(second, "d.test", SECRET, NOW)  # does not grow: it leads to the first forwarder
    assert len(third) == len(second)
    assert back(third) == first
    assert back(second, secrets=(OLD,)) == first


def test_forged_and_old_ones_lead_nowhere() -> None:
    address = forwarded("bob@b.test", "a.test", SECRET, NOW)
    assert back(address, NOW + WEEK) == "bob@b.test"
    assert back(address, NOW + WEEK + 2 * DAY) is None
    assert back(address, NOW - 2 * DAY) is None  # from the future
    assert back(address, secrets=(OLD,)) is None
    assert back(address, secrets=(OLD, SECRET)) == "bob@b.test"
    assert back(address, secrets=()) is None
    for forged in (
        address.replace("bob", "eve"),
        address.replace("b.test", "e.test"),
        address.replace("SRS0", "SRS1"),
        address.replace("SRS0=", "SRS0=A"),
        "SRS0=AAAAAAAA=AA=b.test=bob@a.test",
        "SRS1=AAAAAAAA=c.test==x@a.test",
        "SRS0=@a.test",
        "SRS0=\u017f\u017f\u017f\u017f\u017f\u017f\u017f\u017f=\u017f\u017f=b.test=bob@a.test",
        "bob@a.test",
    ):
        assert back(forged) is None, forged


@given(st.text(), st.text())
def test_nothing_raises(local: str, sender: str) -> None:
    assert original(local, (SECRET,), NOW, WEEK) is None
    assert back(forwarded(f"{sender}@b.test", "a.test", SECRET, NOW)) is not None or not sender
