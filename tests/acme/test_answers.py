"""Answers that wait to be looked at, and who gets them."""

from pathlib import Path

import pytest

from postroom.acme.answers import Answers
from postroom.acme.challenges import BadToken, alpn_certificate

NOW = 1_790_000_000.0


def test_an_answer_is_there_for_every_process_until_it_is_removed(tmp_path: Path) -> None:
    ours, theirs = Answers(tmp_path), Answers(tmp_path)
    assert theirs.http("tok") is None
    ours.put_http("tok", "tok.print")
    assert theirs.http("tok") == b"tok.print"
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*"))
    ours.remove("tok")
    ours.remove("tok")
    assert theirs.http("tok") is None


@pytest.mark.parametrize("token", ["", ".", "..", "../../account-key.pem", "a\0b", "x" * 5000])
def test_a_token_leads_to_no_other_file(tmp_path: Path, token: str) -> None:
    (tmp_path / "account-key.pem").write_text("secret")
    answers = Answers(tmp_path)
    answers.put_http("tok", "tok.print")
    assert answers.http(token) is None
    with pytest.raises(BadToken):
        answers.put_http(token, "x")


def test_only_an_authority_that_looks_gets_the_certificate(tmp_path: Path) -> None:
    """RFC 8737 §3: that one protocol and no other, and the name that is proved."""
    assert not Answers(tmp_path).wanted
    answers = Answers(tmp_path)
    answers.put_alpn("a.test", alpn_certificate("a.test", "tok.print", NOW))
    assert answers.wanted
    assert answers.context("A.test", ["acme-tls/1"]) is not None
    assert answers.context("a.test", ["http/1.1"]) is None
    assert answers.context("a.test", ["acme-tls/1", "http/1.1"]) is None
    assert answers.context("a.test", []) is None
    assert answers.context("b.test", ["acme-tls/1"]) is None
    assert answers.context("../http-01/tok", ["acme-tls/1"]) is None
    answers.remove("a.test")
    assert not Answers(tmp_path).wanted
    with pytest.raises(ValueError, match="no host name"):
        answers.put_alpn("../a.test", b"")
