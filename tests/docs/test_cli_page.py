"""docs/cli.md is what the commands say."""

from pathlib import Path

from postroom.cli.document import page

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: python -m postroom.cli.document > docs/cli.md"
