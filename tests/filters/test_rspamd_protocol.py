"""What rspamd is asked and what its answers mean; the answers are in the form that rspamd 3.4 gives."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.filters.peers import SOURCE

from postroom.filters import FilterSettings
from postroom.filters.rspamd_protocol import MAX_CHANGES, read_verdict, request_head
from postroom.filters.types import FilterFailed, HeaderChange, Verdict
from postroom.net import TlsInfo

SETTINGS = FilterSettings(kind="rspamd", address="127.0.0.1:11333")


def read(settings: FilterSettings = SETTINGS, **told: Any) -> Verdict:
    return read_verdict(
        json.dumps({name.replace("dkim_", "dkim-"): fact for name, fact in told.items()}).encode(), settings
    )


def test_the_request_tells_who_sends_what_to_whom() -> None:
    source = replace(SOURCE, user="ann@foo.com", tls=TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256))
    lines = request_head(source, 1234, "foo.com").decode().split("\r\n")
    assert lines[0] == "POST /checkv2 HTTP/1.1"
    assert lines[-2:] == ["", ""]
    assert lines[1:-2] == [
        "Host: foo.com",
        "Connection: keep-alive",
        "Content-Length: 1234",
        "IP: 192.0.2.7",
        "Helo: mx.bar.com",
        "Hostname: mx.bar.com",
        "From: ann@bar.com",
        "Rcpt: bob@foo.com",
        "Rcpt: jones@foo.com",
        "User: ann@foo.com",
        "Queue-Id: m0123",
        "MTA-Name: foo.com",
        "TLS-Version: TLSv1.3",
        "TLS-Cipher: TLS_AES_256_GCM_SHA384",
    ]


def test_no_address_begins_a_field_of_its_own() -> None:
    head = request_head(replace(SOURCE, mail_from='"a\r\nUser: root"@bar.com'), 1, "foo.com")
    assert b"\r\nUser:" not in head
    assert head.count(b"\r\n\r\n") == 1


def test_actions() -> None:
    assert read(action="no action", score=-1.5, required_score=15).action == "accept"
    assert read(action="greylist", score=4.2, required_score=15).action == "accept"
    assert read(action="add header", score=7, required_score=15).action == "junk"
    assert read(action="quarantine", score=7).action == "junk"
    assert read(action="discard", score=7).action == "junk"
    assert read(action="something of its own", score=1).action == "accept"
    later = read(action="soft reject", score=4, messages={"smtp_message": "Try again later"})
    assert later.error is not None
    assert (later.action, later.error.code, later.error.text) == ("defer", 451, "Try again later")
    no = read(action="reject", score=20, messages={"smtp_message": "Gtube pattern"})
    assert no.error is not None
    assert (no.action, no.error.code, no.error.enhanced, no.error.text) == ("reject", 550, "5.7.1", "Gtube pattern")
    assert read(action="reject", score=20, milter={"reject": "discard"}).action == "junk"


def test_points_and_words() -> None:
    symbols = {
        "BAD": {"name": "BAD", "score": 3.5, "metric_score": 3.5, "options": ["x"]},
        "GOOD": {"name": "GOOD", "score": -5.0},
        "NOTED": {"name": "NOTED", "score": 0.0},
    }
    verdict = read(
        FilterSettings(kind="rspamd", address="127.0.0.1:1", weight=0.5),
        action="no action",
        score=-1.5,
        required_score=15.0,
        symbols=symbols,
    )
    assert verdict.points == -0.75
    assert verdict.words == "no action, -1.5 of 15: GOOD (-5), BAD (3.5)"
    assert read(action="no action", score="lots").points == 0.0
    assert read(action="no action", score=True).points == 0.0


def test_header_fields_by_milter_rules() -> None:
    verdict = read(
        action="add header",
        score=7,
        milter={
            "remove_headers": {"X-Old": 0, "X-Twice": [1, 2]},
            "add_headers": {
                "X-Spamd": {"value": "default: yes", "order": 1},
                "X-Plain": "p",
                "X-Two": ["a", {"value": "b"}],
            },
        },
    )
    assert verdict.header_changes == [
        HeaderChange("change", b"X-Old", b"", 0),
        HeaderChange("change", b"X-Twice", b"", 2),
        HeaderChange("change", b"X-Twice", b"", 1),
        HeaderChange("insert", b"X-Spamd", b" default: yes", 1),
        HeaderChange("add", b"X-Plain", b" p"),
        HeaderChange("add", b"X-Two", b" a"),
        HeaderChange("add", b"X-Two", b" b"),
        HeaderChange("insert", b"X-Spam", b" Yes", 1),
    ]


def test_the_subject_is_rewritten() -> None:
    verdict = read(action="rewrite subject", score=7, subject="*** SPAM *** Hello")
    assert verdict.action == "junk"
    assert verdict.header_changes == [HeaderChange("change", b"Subject", b" *** SPAM *** Hello", 1)]


def test_signatures_and_the_envelope() -> None:
    verdict = read(
        action="no action",
        score=0,
        dkim_signature=["a=1", "a=2"],
        milter={"change_from": "x@foo.com", "add_rcpt": ["c@foo.com"], "del_rcpt": ["bob@foo.com"]},
    )
    assert [change.value for change in verdict.header_changes] == [b" a=1", b" a=2"]
    assert verdict.mail_from == "x@foo.com"
    assert [one.address for one in verdict.added] == ["c@foo.com"]
    assert verdict.removed == ["bob@foo.com"]


def test_nothing_is_changed_where_it_may_not() -> None:
    settings = FilterSettings(kind="rspamd", address="127.0.0.1:1", may_change=False)
    verdict = read(
        settings, action="add header", score=7, milter={"add_headers": {"A": "b"}, "change_from": "x@foo.com"}
    )
    assert (verdict.header_changes, verdict.mail_from, verdict.action) == ([], None, "junk")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nothing",
        b"[]",
        b"{}",
        b'{"action": 5}',
        b'{"error": "Cannot parse"}',
        b'{"action": "no action", "milter": {"change_from": "a b c"}}',
        b'{"action": "no action", "milter": {"add_rcpt": ["a b c"]}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    with pytest.raises(FilterFailed):
        read_verdict(answer, SETTINGS)


def test_changes_are_bounded() -> None:
    with pytest.raises(FilterFailed):
        read(action="no action", milter={"add_headers": {f"X-{n}": "v" for n in range(MAX_CHANGES + 1)}})


@pytest.mark.parametrize("odd", [None, 5, "x", [1, {"a": []}], {"a": {"b": {}}}, {"a": None}, {"a": [None, True]}])
def test_odd_parts_of_an_answer_are_passed_over(odd: Any) -> None:
    verdict = read(
        action="no action",
        score=odd,
        symbols=odd,
        messages=odd,
        subject=odd,
        milter={"add_headers": odd, "remove_headers": odd},
    )
    assert verdict.action == "accept"
    assert read(action="no action", milter=odd).action == "accept"
