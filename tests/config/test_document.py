"""The page is made of the declarations."""

from postroom.config import sections, settings
from postroom.config.declarations import tables
from postroom.config.document import page


def test_every_section_and_setting_has_its_place() -> None:
    text = page()
    for section in (*sections(), *tables()):
        assert not section.name or f"\n## `[{section.name}]`\n" in text
    assert text.count("\n| `") == len(list(settings())) + sum(len(table.settings) for table in tables())
    assert "| `hostname` | text of at least 1 character(s) | required |" in text
