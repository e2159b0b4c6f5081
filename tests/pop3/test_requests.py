"""Requests are values; refusals are response codes that POP3 knows."""

import re

from postroom.pop3 import Authenticate, AuthResponse, Refusal, SignIn


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Authenticate("PLAIN", b"\0bob\0secret"))
    assert "secret" not in repr(AuthResponse(b"secret"))
    assert "secret" not in repr(SignIn(b"bob", b"secret"))


def test_refusals_begin_with_a_response_code() -> None:  # RFC 2449 §8, RFC 3206
    for refusal in Refusal:
        assert re.match(rb"\[(AUTH|IN-USE|LOGIN-DELAY|SYS/TEMP|SYS/PERM)\] [A-Z]", refusal.value)
        assert len(b"-ERR " + refusal.value + b"\r\n") <= 512  # RFC 2449 §4
