"""Lines of keys, where tomllib gives only values."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from postroom.config.toml_lines import Place, locate

TEXT = '''\
# comment = 1
hostname = "mail # [x]"
"quoted key" = 1
'literal' = 2

[listen]  # [not.a.table]
smtp = [
  "[::1]:25", # ]
  "x = 1",
]
imap=["a"]
[ delivery . routes ]
"example.net" = "[192.0.2.1]:25"
note = """
inside = 1
[also.inside]
"""
other = \'\'\'
"""
more = 2\'\'\'
last = {a = [1, 2], b = "}"}
a.b.c = 1
[[list]]
x = 1
'''


def test_places() -> None:
    tomllib.loads(TEXT)
    expected: dict[Place, int] = {
        ("hostname",): 2,
        ("quoted key",): 3,
        ("literal",): 4,
        ("listen",): 6,
        ("listen", "smtp"): 7,
        ("listen", "imap"): 11,
        ("delivery", "routes"): 12,
        ("delivery", "routes", "example.net"): 13,
        ("delivery", "routes", "note"): 14,
        ("delivery", "routes", "other"): 18,
        ("delivery", "routes", "last"): 21,
        ("delivery", "routes", "a"): 22,
        ("delivery", "routes", "a", "b"): 22,
        ("delivery", "routes", "a", "b", "c"): 22,
        ("list",): 23,
        ("list", "x"): 24,
    }
    assert locate(TEXT) == expected


@given(st.text(alphabet="ab=[]{}\"'#\\\n. 1,"))
def test_any_text_is_survived(text: str) -> None:
    places = locate(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in places.values())


@given(st.text(alphabet="ab=[]{}\"'#\\\n. 1,", max_size=30))
def test_every_top_key_of_a_valid_file_is_found(text: str) -> None:
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = {place[0] for place in locate(text) if place}
    assert {key for key in table if "\\" not in key} <= found
