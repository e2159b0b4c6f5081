"""Who may issue certificates: RFC 8659."""

import pytest

from postroom.mailauth.caa import Caa, may_issue, places

LE = Caa(0, "issue", "letsencrypt.org")


@pytest.mark.parametrize(
    ("records", "allowed"),
    [
        ([LE], True),
        ([Caa(0, "ISSUE", "LetsEncrypt.org.")], True),
        ([Caa(0, "issue", "other.test"), LE], True),
        ([Caa(0, "issue", " letsencrypt.org ; validationmethods=dns-01")], True),
        ([Caa(128, "issue", "letsencrypt.org"), Caa(128, "iodef", "mailto:a@b.test")], True),
        ([Caa(0, "issuewild", ";")], True),  # of wildcards alone
        ([Caa(0, "iodef", "mailto:a@b.test")], True),
        ([Caa(0, "future", "x")], True),
        ([Caa(0, "issue", "other.test")], False),
        ([Caa(0, "issue", ";")], False),  # RFC 8659 §4.2: nobody
        ([Caa(0, "issue", "")], False),
        ([LE, Caa(128, "future", "x")], False),  # RFC 8659 §4.1
        ([Caa(0, "issue", "x.letsencrypt.org")], False),
    ],
)
def test_who_may_issue(records: list[Caa], allowed: bool) -> None:
    assert may_issue(records, "letsencrypt.org") is allowed


def test_the_tree_is_climbed() -> None:
    assert list(places("mail.a.test.")) == ["mail.a.test", "a.test", "test"]
