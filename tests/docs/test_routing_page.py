"""docs/routing.md names the settings there are."""

import re
from pathlib import Path

from postroom.delivery.settings import DeliverySettings, RelaySettings

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
LISTED = PAGE.partition("## Every setting")[2]


def test_every_setting_that_is_listed_exists() -> None:
    names = set(re.findall(r"`([a-z]\w+)`", LISTED))
    assert len(names) > 40
    assert names <= {*DeliverySettings.__struct_fields__, *RelaySettings.__struct_fields__}


def test_every_setting_about_the_way_is_listed() -> None:
    about = re.compile(r"route|relay|smarthost|source|address|own_|refuse|mx|_timeout_|max_(attempt|transaction)")
    wanted = {name for name in DeliverySettings.__struct_fields__ if about.search(name)} - {"stop_timeout_seconds"}
    wanted |= set(RelaySettings.__struct_fields__)
    assert {name for name in wanted if f"`{name}`" not in LISTED} == set()


def test_the_example_can_be_read() -> None:
    from postroom.config import loads

    example = PAGE.partition("```toml\n")[2].partition("```")[0]
    config = loads('hostname = "mail.example.org"\n' + example, Path("/etc/postroom/postroom.toml"))
    assert config.delivery.relay["provider"].password_file == "/etc/postroom/provider.password"
    assert config.delivery.smarthost == "provider"
