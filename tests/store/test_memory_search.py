"""The rest is in tests/contract/test_store.py, where both stores have to agree."""

from postroom.message.facts import SearchText
from postroom.store import TextField, TextQuery
from postroom.store.memory_search import matches


def test_a_header_field_is_searched_by_the_line() -> None:
    text = SearchText(subject="b", headers="subject: b\nx-a: c", body="d")
    for where, needle, name, expected in (
        (TextField.HEADER, "C", "X-A", True),
        (TextField.HEADER, "b", "x-a", False),
        (TextField.HEADER, "", "x-b", False),
        (TextField.SUBJECT, "", "", True),
        (TextField.FROM, "", "", False),
        (TextField.SUBJECT, "b", "", True),
        (TextField.TEXT, "x-a", "", True),
        (TextField.BODY, "x-a", "", False),
        (TextField.BODY, "d", "", True),
    ):
        assert matches(text, TextQuery(where, needle, name)) is expected
