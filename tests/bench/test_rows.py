"""The table of rows."""

import pytest
from bench.figures import UNITS
from bench.rows import GROUPS, GROWING, ROWS, chosen, group_of


def test_names_are_unique_and_units_are_known() -> None:
    names = [row.name for group in GROUPS for row in group.rows]
    assert len(names) == len(set(names)) == len(ROWS)
    assert {row.unit for row in ROWS.values()} <= set(UNITS)
    assert not set(names) & {group.name for group in GROUPS}


def test_growth_is_about_rows_of_the_table() -> None:
    assert {row.name for row in GROWING} <= set(ROWS)
    assert all(row.unit in ("op/s", "msg/s") for row in GROWING)


def test_groups_and_rows_are_chosen_by_name() -> None:
    assert chosen(["noop", "pop3"]) == {"mailbox": {"noop"}, "pop3": {row.name for row in group_of("pop3-uidl").rows}}
    with pytest.raises(KeyError):
        chosen(["nothing"])
