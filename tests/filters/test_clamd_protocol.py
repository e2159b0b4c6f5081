"""clamd's answers."""

import pytest

from postroom.filters.clamd_protocol import chunk, read_verdict
from postroom.filters.types import FilterFailed, TooLarge


def test_chunks() -> None:
    assert chunk(b"abc") == b"\0\0\0\3abc"
    assert chunk(b"") == b""


def test_clean_and_found() -> None:
    assert read_verdict(b"1: stream: OK").action == "accept"
    found = read_verdict(b"12: stream: Eicar-Test-Signature FOUND")
    assert found.error is not None
    assert (found.action, found.words) == ("reject", "Eicar-Test-Signature found")
    assert (found.error.code, found.error.text) == (550, "The message contains Eicar-Test-Signature")
    odd = read_verdict(b"stream: Bad\r\n250 name FOUND")
    assert odd.error is not None
    assert odd.error.text == "The message contains Bad 250 name"


def test_its_own_limit_is_told_apart() -> None:
    for answer in (b"INSTREAM size limit exceeded. ERROR", b"1: INSTREAM size limit exceeded. ERROR"):
        with pytest.raises(TooLarge):
            read_verdict(answer)


@pytest.mark.parametrize(
    "answer", [b"", b"UNKNOWN COMMAND", b"1: stream: Can't allocate ERROR", b"stream:", b"stream: FOUND"]
)
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    with pytest.raises(FilterFailed) as failed:
        read_verdict(answer)
    assert not isinstance(failed.value, TooLarge)
