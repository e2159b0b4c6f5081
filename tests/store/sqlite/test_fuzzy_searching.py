"""Fuzzy search on disk against the definition in memory; plain cases are in tests/contract/test_store.py."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.sqlite.stage import Room, perform

from postroom.message.fuzzy import FuzzyNeedle
from postroom.store import StoreSettings, TextField, TextQuery
from postroom.store.sqlite.fuzzy_searching import search_fuzzy

words = st.sampled_from(
    ["meeting", "meetnig", "réunion", "e-mail", "email", "don't", "a-b-c-d-e-f", "abcdef", "the", "th"]
)
texts = st.lists(words, max_size=5).map(" ".join)


def test_sql_finds_what_scoring_every_text_finds(tmp_path: Path) -> None:
    async def play(room: Room) -> None:
        await room.put(b"Subject: x\r\n\r\nx")
        db = room.files.connect_writer()

        @given(texts, texts)
        @settings(deadline=None, max_examples=200)
        def check(needle: str, text: str) -> None:
            db.execute("UPDATE search_text SET subject = ?1, headers = ?1, body = ?1", (text,))
            score = FuzzyNeedle(needle, 16).score(text)
            for where in (TextField.SUBJECT, TextField.BODY, TextField.TEXT):
                found = search_fuzzy(db, 1, TextQuery(where, needle), None, StoreSettings())
                assert bool(found) == bool(score), where

        check()
        db.close()

    perform(tmp_path, play)
