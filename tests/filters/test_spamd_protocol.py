"""spamd's answers."""

import pytest

from postroom.filters import FilterSettings
from postroom.filters.spamd_protocol import marks, read_head, read_verdict, request_head
from postroom.filters.types import FilterFailed, HeaderChange

PLAIN = FilterSettings(kind="spamassassin", address="127.0.0.1:783", may_change=False)
MARKING = FilterSettings(kind="spamassassin", address="127.0.0.1:783")
HEAD = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 34\r\nSpam: True ; 7.5 / 5.0"


def test_the_request() -> None:
    assert request_head("SYMBOLS", 99, "") == b"SYMBOLS SPAMC/1.5\r\nContent-length: 99\r\n\r\n"
    assert request_head("HEADERS", 99, "ann") == b"HEADERS SPAMC/1.5\r\nContent-length: 99\r\nUser: ann\r\n\r\n"


def test_spam_goes_into_junk_with_its_points_and_rules() -> None:
    head = read_head(HEAD)
    assert (head.spam, head.points, head.threshold, head.length) == (True, 7.5, 5.0, 34)
    verdict = read_verdict(head, b"BAD_RULE,WORSE_RULE\r\n", PLAIN)
    assert (verdict.action, verdict.points) == ("junk", 7.5)
    assert verdict.words == "spam, 7.5 of 5: BAD_RULE, WORSE_RULE"
    ham = read_verdict(read_head(b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; -1.2 / 5.0"), b"", PLAIN)
    assert (ham.action, ham.points, ham.words) == ("accept", -1.2, "no spam, -1.2 of 5")


def test_a_score_of_its_own_refuses() -> None:
    settings = FilterSettings(kind="spamassassin", address="127.0.0.1:783", may_change=False, reject_score=7.0)
    verdict = read_verdict(read_head(HEAD), b"", settings)
    assert verdict.error is not None
    assert (verdict.action, verdict.error.code, verdict.error.text) == ("reject", 550, "The message looks like spam")


def test_its_marks_take_the_place_of_those_that_came() -> None:
    header = (
        b"Received: from evil\r\nX-Spam-Flag: YES\r\n"
        b"X-Spam-Status: Yes, score=7.5 required=5.0 tests=BAD_RULE,\r\n\tWORSE_RULE autolearn=no\r\nSubject: x\r\n\r\n"
    )
    found = marks(header)
    assert {change.name for change in found if change.do == "change"} >= {b"X-Spam-Flag", b"X-Spam-Status"}
    assert [change for change in found if change.do == "add"] == [
        HeaderChange("add", b"X-Spam-Flag", b" YES"),
        HeaderChange(
            "add", b"X-Spam-Status", b" Yes, score=7.5 required=5.0 tests=BAD_RULE,\r\n\tWORSE_RULE autolearn=no"
        ),
    ]
    assert read_verdict(read_head(HEAD), header, MARKING).words == "spam, 7.5 of 5: BAD_RULE, WORSE_RULE"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"SPAMD/1.1",
        b"HTTP/1.1 200 OK",
        b"SPAMD/1.5 74 EX_IOERR",
        b"SPAMD/1.5 0 EX_OK",
        b"SPAMD/1.5 0 EX_OK\r\nSpam: Perhaps ; 1 / 5",
        b"SPAMD/1.5 0 EX_OK\r\nSpam: True ; nan / 5",
        b"SPAMD/1.5 0 EX_OK\r\nSpam: True ; 1 / 5\r\nContent-length: 999999999999",
        b"SPAMD/1.5 0 EX_OK\r\nSpam: True ; 1 / 5\r\nContent-length: -1",
    ],
)
def test_what_is_no_answer_is_a_failure(head: bytes) -> None:
    with pytest.raises(FilterFailed):
        read_head(head)
