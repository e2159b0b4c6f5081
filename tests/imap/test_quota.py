"""The grammar of RFC 9208; its examples are in tests/transcripts/imap/quota.txt."""

import pytest

from postroom.imap import BadSyntax, ImapSettings
from postroom.imap.quota import (
    MAX_NUMBER64,
    GetQuota,
    GetQuotaRoot,
    SetQuota,
    get_quota,
    get_quota_root,
    quota,
    quota_root,
    set_quota,
)
from postroom.imap.tokens import Cursor


def at(raw: bytes) -> Cursor:
    return Cursor(raw, 0, ImapSettings())


def test_roots_are_any_strings() -> None:
    assert get_quota(at(b' ""')) == GetQuota("")
    assert get_quota(at(b" #user/alice")) == GetQuota("#user/alice")
    assert get_quota(at(" {4}\r\nf\u00fcr".encode())) == GetQuota("f\u00fcr")
    assert get_quota(at(b" {1}\r\n\xff")) == GetQuota("\ufffd")
    assert get_quota_root(at(b" inbox")) == GetQuotaRoot("INBOX")


def test_limits() -> None:
    assert set_quota(at(b" r ()")) == SetQuota("r", ())
    assert set_quota(at(b" r (storage 0 MESSAGE 9223372036854775807)")) == SetQuota(
        "r", ((b"STORAGE", 0), (b"MESSAGE", MAX_NUMBER64))
    )


@pytest.mark.parametrize(
    "raw",
    [
        b" r", b" r STORAGE 1", b" r (STORAGE)", b" r (STORAGE 1", b" r (STORAGE 1 )", b" r (STORAGE -1)", b" r () x",
        b" r (STORAGE 9223372036854775808)", b" r (STORAGE 99999999999999999999)", b" r (STORAGE 1 storage 2)",
        b" r (" + b" ".join(b"X%d 1" % n for n in range(17)) + b")",
    ],
)  # fmt: skip
def test_wrong_limits(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        set_quota(at(raw))


def test_responses() -> None:
    assert quota("#user/alice", [(b"STORAGE", 54, 111), (b"MESSAGE", 42, 1000)]) == (
        b"* QUOTA #user/alice (STORAGE 54 111 MESSAGE 42 1000)\r\n"
    )
    assert quota("", [(b"STORAGE", 10, 512)]) == b'* QUOTA "" (STORAGE 10 512)\r\n'
    assert quota("f\u00fcr", []) == b"* QUOTA {4}\r\nf\xc3\xbcr ()\r\n"
    assert quota("f\u00fcr", [], utf8=True) == b'* QUOTA "f\xc3\xbcr" ()\r\n'
    assert quota_root(b"INBOX", ["", "a b"]) == b'* QUOTAROOT INBOX "" "a b"\r\n'
    assert quota_root(b"comp.mail.mime", []) == b"* QUOTAROOT comp.mail.mime\r\n"
