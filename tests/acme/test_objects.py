"""What an authority says, read."""

import pytest

from postroom.acme.objects import Authorization, BadAnswer, Directory, Order, read, read_problem, retry_after


def test_members_that_are_not_known_are_passed_over() -> None:
    directory = read(
        b'{"newNonce":"n","newAccount":"a","newOrder":"o","renewalInfo":"r","meta":{"website":"w"}}', Directory
    )
    assert (directory.new_nonce, directory.new_account, directory.new_order) == ("n", "a", "o")
    assert not directory.meta.external_account_required


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{}", b'{"status":"odd","authorizations":[],"finalize":"f"}', b'{"status":"ready"}', b"\xff"],
)
def test_what_is_no_order(body: bytes) -> None:
    with pytest.raises(BadAnswer, match="no order"):
        read(body, Order)


def test_a_challenge_of_an_unknown_kind_is_read() -> None:
    text = (
        b'{"identifier":{"type":"dns","value":"a.test"},"status":"pending","challenges":[{"type":"new-07","url":"u"}]}'
    )
    assert read(text, Authorization).challenges[0].type == "new-07"


def test_problems_in_words() -> None:
    """RFC 8555 §6.7.1."""
    body = b"""{"type":"urn:ietf:params:acme:error:malformed","detail":"Some are\\u001b[31m rejected","subproblems":[
      {"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"policy",
       "identifier":{"type":"dns","value":"_a.test"}}]}"""
    problem = read_problem(body)
    assert problem.kind == "malformed"
    assert problem.words == "malformed: Some are [31m rejected; _a.test: rejectedIdentifier: policy"
    assert read_problem(b"<html>").kind == "about:blank"
    assert len(read_problem(b'{"detail":"' + b"x" * 5000 + b'"}').words) == 300


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("-3", 0.0),
        ("99999999999", 86_400.0),
        ("Wed, 15 Nov 2023 00:13:20 GMT", 7200.0),  # beside 2023-11-14 22:13:20
        ("Tue, 14 Nov 2023 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 1_700_000_000.0) == seconds
