"""The transcripts of tests/transcripts/smtp, played on the engine whole and octet by octet."""

from pathlib import Path

import pytest

from .play import TRANSCRIPTS, Play, matches, transcript, turns

FILES = sorted(TRANSCRIPTS.glob("*.txt"))


def played(path: Path, step: int) -> None:
    options, lines = transcript(path)
    submission = "submission" in options
    play = Play(
        lmtp="lmtp" in options,
        tls_offered="tls_offered" in options,
        auth_offered=("PLAIN", "LOGIN") if submission else (),
    )
    said = play.output
    for speaker, texts in turns(lines):
        if speaker == "S":
            assert matches(texts, said), (texts, said)
            said = b""
        elif speaker == "C":
            data = "".join(f"{text}\r\n" for text in texts).encode()
            said = b"".join(play.feed(data[at : at + step]) for at in range(0, len(data), step))
        elif texts == ["tls"]:
            play.engine.tls_started()
        else:
            assert texts == ["close"]
            assert play.engine.closed
            return
    assert not play.engine.closed


@pytest.mark.parametrize("step", [1 << 20, 1])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_engine_plays(path: Path, step: int) -> None:
    played(path, step)
