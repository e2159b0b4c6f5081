"""docs/settings.md is what the declarations say."""

from pathlib import Path

from postroom.config.document import page

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m postroom.config.document > docs/settings.md"
