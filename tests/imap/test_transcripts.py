"""Every transcript of tests/transcripts/imap on the engine."""

import pytest

from .play import TRANSCRIPTS, play

FILES = sorted(path.name for path in TRANSCRIPTS.glob("*.txt"))


@pytest.mark.parametrize("name", FILES)
def test_transcript(name: str) -> None:
    play((TRANSCRIPTS / name).read_text())


def test_there_are_transcripts() -> None:
    assert len(FILES) >= 8
