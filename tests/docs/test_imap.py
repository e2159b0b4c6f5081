"""docs/imap.md lists exactly the capabilities that the server has, each with a test that exists."""

import re
from pathlib import Path

from postroom.servers.imap.capabilities import CAPABILITIES

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| (.*) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str, str, str]]:
    return ROW.findall((ROOT / "docs" / "imap.md").read_text())


def test_the_list_is_the_servers() -> None:
    listed = {(name, rfc.strip(), when.strip()) for name, rfc, when, _, _ in rows()}
    offered = {(one.name.decode(), f"RFC {one.rfc}", one.when.value) for one in CAPABILITIES}
    assert listed == offered


def test_every_capability_has_a_test_that_shows_it() -> None:
    for name, _, _, since, shown in rows():
        assert re.fullmatch(r"\d+\.\d+\.\d+|next release", since.strip()), name
        places = re.findall(r"`([^`]+)`", shown)
        assert places, name
        for place in places:
            assert (ROOT / "tests" / place).exists(), (name, place)
