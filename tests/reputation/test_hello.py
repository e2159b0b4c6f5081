"""What a client calls itself (RFC 5321 §4.1.4)."""

import pytest

from postroom.mailauth.questions import Question, Reply, conclude
from postroom.reputation.hello import check_hello
from postroom.reputation.settings import StrangersSettings

SETTINGS = StrangersSettings()
HOSTS = {("A", "mx.bar.test"), ("AAAA", "six.bar.test")}


def answer(question: Question) -> Reply:
    if question.name == "broken.test":
        return Reply(failed="SERVFAIL")
    return Reply(("192.0.2.99",)) if (question.kind, question.name) in HOSTS else Reply(exists=False)


@pytest.mark.parametrize(
    ("hello", "address", "found"),
    [
        ("mx.bar.test", "192.0.2.7", ""),
        ("six.bar.test", "192.0.2.7", ""),
        ("broken.test", "192.0.2.7", ""),
        ("none.test", "192.0.2.7", "unknown"),
        ("localhost", "192.0.2.7", "bare"),
        ("WIN-PC", "192.0.2.7", "bare"),
        ("192.0.2.7", "192.0.2.7", "bare"),
        ("[192.0.2.7]", "192.0.2.7", "literal"),
        ("[IPv6:2001:db8::1]", "2001:0db8::0001", "literal"),
        ("[192.0.2.8]", "192.0.2.7", "wrong_literal"),
        ("[IPv6:2001:db8::2]", "192.0.2.7", "wrong_literal"),
        ("[X-foo:bar]", "192.0.2.7", "wrong_literal"),
    ],
)
def test_names(hello: str, address: str, found: str) -> None:
    parts = conclude(check_hello(hello, address, SETTINGS, ours=False), answer)
    assert [part.name for part in parts] == ([f"hello.{found}"] if found else [])
    assert all(part.points > 0 and hello in part.words for part in parts)


def test_our_own_name() -> None:
    (part,) = conclude(check_hello("foo.test", "192.0.2.7", SETTINGS, ours=True), answer)
    assert (part.name, part.points) == ("hello.ours", SETTINGS.hello_ours_points)


def test_no_points_no_questions() -> None:
    settings = StrangersSettings(hello_unknown_points=0, hello_bare_points=0)

    def never(question: Question) -> Reply:
        raise AssertionError(question)

    assert conclude(check_hello("none.test", "192.0.2.7", settings, ours=False), never) == ()
    assert conclude(check_hello("localhost", "192.0.2.7", settings, ours=False), never) == ()
