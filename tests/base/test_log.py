"""A log line stays one line, whatever a peer said."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from postroom.base.log import configure


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
