"""docs/settings.md, made from the declarations: `python -m postroom.config.document > docs/settings.md`.

Owns: that page. Never: is needed by the server. Raises: nothing.
"""

import sys
from collections.abc import Iterator

from .declarations import REQUIRED, Declaration, Section, sections, tables_of, type_words
from .default_file import toml_value

_HEAD = """\
# Settings

Postroom reads one file, `postroom.toml` ([TOML](https://toml.io)). `postroom init` writes it with every setting as a
comment; `postroom check` says what is wrong with it; `postroom config explain NAME` shows a setting and its value.
Settings named `…_octets` also take `"64KiB"`, `"100MB"`, `"2GiB"`; those named `…_seconds` also take `"30s"`, `"15m"`,
`"4h"`, `"5d"`. Relative paths begin at the folder of the file.

This page is made from the declarations in the code (`python -m postroom.config.document > docs/settings.md`), and a
test fails when it is out of date.
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_sections())


def _sections() -> Iterator[str]:
    for section in sections():
        yield from _section(section)
        for table in tables_of(section):
            yield from _section(table)
    yield ""


def _section(section: Section) -> Iterator[str]:
    yield ""
    yield f"## `[{section.name}]`" if section.name else "## Above the sections"
    yield ""
    yield section.description
    yield ""
    yield "| setting | value | default | |"
    yield "|---|---|---|---|"
    for setting in section.settings:
        yield _row(setting)


def _row(setting: Declaration) -> str:
    if setting.default is REQUIRED:
        default = "required"
    elif setting.default is None:
        default = "not set"
    else:
        default = f"`{toml_value(setting.default)}`"
    cells = (f"`{setting.key}`", type_words(setting.type), default, setting.description)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
