"""Budgets by the hour and the day, each with its setting."""

from typing import get_args

import pytest

from postroom.guard.budgets import Budgets
from postroom.guard.settings import GuardSettings
from postroom.guard.types import Kind, Who


@pytest.mark.parametrize("period", ["hour", "day"])
@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("who", get_args(Who))
def test_each_budget_is_a_setting(who: Who, kind: Kind, period: str) -> None:
    budgets = Budgets(GuardSettings(**{f"{who}_{kind}_per_{period}": 10}), several=False)  # type: ignore[arg-type]
    budgets.spend(kind, who, "x", 9, 0.0)
    assert budgets.spent(kind, who, "x", 1, 0.0) is None
    budgets.spend(kind, who, "x", 1, 0.0)
    error = budgets.spent(kind, who, "x", 1, 0.0)
    assert error is not None
    assert (error.code, error.enhanced) == (450, "4.7.1")
    assert f"{kind} of {who} per {period}: x" in error.detail
    assert budgets.spent(kind, who, "y", 1, 0.0) is None
    seconds = {"hour": 3600.0, "day": 86_400.0}[period]
    assert budgets.spent(kind, who, "x", 1, seconds / 10 - 1) is not None
    assert budgets.spent(kind, who, "x", 1, seconds / 10 + 1) is None


def test_no_limit_remembers_nothing() -> None:
    budgets = Budgets(GuardSettings(account_messages_per_hour=0, account_messages_per_day=0), several=False)
    budgets.spend("messages", "account", "1", 1e9, 0.0)
    assert budgets.spent("messages", "account", "1", 1e9, 0.0) is None
    assert budgets.levels("account", "1", 0.0) == {}


def test_what_is_known_to_all_processes() -> None:
    shared = {buckets.name for buckets in Budgets(GuardSettings(), several=False).every() if buckets._shared}
    assert {name.split()[2] for name in shared} == {"account"}
    assert all(buckets._shared for buckets in Budgets(GuardSettings(), several=True).every())


def test_levels_for_people() -> None:
    budgets = Budgets(GuardSettings(), several=False)
    budgets.spend("messages", "account", "1", 3, 0.0)
    assert budgets.levels("account", "1", 0.0) == {
        "messages of account per hour": (3, 1000),
        "messages of account per day": (3, 5000),
    }
