"""A log line stays one line, whatever a peer said."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from postroom.base.log import configure, speak_as


@pytest.fixture(autouse=True)
def _keep_handlers() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_text_lines_cannot_be_forged() -> None:
    stream = io.StringIO()
    configure("info", "text", stream)
    logging.getLogger("postroom.test").info("from %s", "evil\r\n2026 INFO forged")
    logging.getLogger("postroom.test").debug("not shown")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("INFO postroom.test: from evil\\r\\n2026 INFO forged")


@pytest.mark.parametrize("form", ["text", "json"])
def test_terminal_escapes_and_what_utf8_cannot_write(form: str) -> None:
    """Bug: ESC, U+2028 and marks of direction reached the operator's terminal; a lone surrogate lost the line."""
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, "utf-8")
    configure("info", form, stream)
    logging.getLogger("postroom.test").info("from %s", "\x1b]0;owned\x07\x9b2J\u2028\u202e\udcff é\t.")
    stream.flush()
    line = octets.getvalue().decode()
    assert len(line.splitlines()) == 1 or form == "json"
    if form == "text":
        assert line.endswith("from \\x1b]0;owned\\x07\\x9b2J\\u2028\\u202e\\udcff é\t.\n")
    else:
        assert json.loads(line)["message"].endswith("\u202e\\udcff é\t.")
    stream.detach()


def test_json_lines_carry_the_traceback() -> None:
    stream = io.StringIO()
    configure("warning", "json", stream)
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        logging.getLogger("postroom.test").exception("it failed")
    event = json.loads(stream.getvalue())
    assert (event["level"], event["logger"], event["message"]) == ("error", "postroom.test", "it failed")
    assert "RuntimeError: a bug" in event["exception"]


@pytest.mark.parametrize(("level", "form"), [("loud", "text"), ("info", "xml")])
def test_unknown_words_are_refused(level: str, form: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        configure(level, form)


@pytest.mark.parametrize("form", ["text", "json"])
def test_several_processes_say_who_speaks(form: str) -> None:
    stream = io.StringIO()
    configure("info", form, stream)
    try:
        speak_as("worker-1")
        configure("info", form, stream)  # as a reload does
        logging.getLogger("postroom.test").info("hello")
    finally:
        speak_as("")
    line = stream.getvalue()
    if form == "text":
        assert line.endswith("INFO worker-1 postroom.test: hello\n")
    else:
        assert json.loads(line)["process"] == "worker-1"
