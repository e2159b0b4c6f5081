"""Where reports may go."""

import pytest

from postroom.mailauth.dmarc.destinations import MAX_DESTINATIONS, Destinations, find_destinations
from postroom.mailauth.questions import Question, Reply, conclude

RECORD = b"v=DMARC1; p=none"


def destinations(answers: dict[str, list[bytes]], *uris: str, domain: str = "blue.test") -> Destinations:
    asked: list[str] = []

    def answer(question: Question) -> Reply:
        asked.append(question.name)
        texts = answers.get(question.name)
        if texts == [b"timeout"]:
            return Reply(failed="timeout")
        return Reply(tuple(texts or ()), exists=texts is not None)

    found = conclude(find_destinations(domain, uris), answer)
    assert len(asked) == len(set(asked))
    return found


def test_at_home_nobody_is_asked() -> None:
    assert destinations({}, "mailto:a@blue.test", "mailto:a@BLUE.test.!10m", "https://x.test/") == Destinations(
        ("a@blue.test",)
    )


def test_within_the_organisation_nobody_has_to_agree() -> None:
    assert destinations({"_dmarc.blue.test": [RECORD]}, "mailto:a@mail.blue.test").addresses == ("a@mail.blue.test",)


@pytest.mark.parametrize(
    ("texts", "addresses", "why"),
    [
        ([b"v=DMARC1"], ("a@red.test",), ""),
        ([b"v=DMARC1;"], ("a@red.test",), ""),
        ([b"v=spf1", b"v=DMARC1; p=none"], ("a@red.test",), ""),
        ([b"v=DMARC1; rua=mailto:b@red.test"], ("b@red.test",), ""),
        ([b"v=DMARC1; rua=mailto:b@red.test,mailto:c@RED.test"], ("b@red.test", "c@RED.test"), ""),
        ([b"v=DMARC1; rua=mailto:b@evil.test"], (), "sends reports on to another host"),
        ([b"v=DMARC1; rua=mailto:b@red.test,mailto:b@evil.test"], (), "sends reports on to another host"),
        ([b"v=DMARC1; rua=https://red.test/"], (), "sends reports on to another host"),
        ([b"v=spf1"], (), "has not agreed to reports on blue.test"),
        ([], (), "has not agreed to reports on blue.test"),
    ],
)
def test_elsewhere_they_have_to_agree(texts: list[bytes], addresses: tuple[str, ...], why: str) -> None:
    found = destinations({"blue.test._report._dmarc.red.test": texts}, "mailto:a@red.test")
    assert found.addresses == addresses
    assert found.refused == ((f"a@red.test: red.test {why}",) if why else ())


def test_trouble_is_told() -> None:
    answers = {"blue.test._report._dmarc.red.test": [b"timeout"]}
    found = destinations(answers, "mailto:a@red.test", "mailto:b@blue.test")
    assert found == Destinations(("b@blue.test",), (), "blue.test._report._dmarc.red.test: timeout")
    found = destinations({"_dmarc.test": [b"timeout"]}, "mailto:a@red.test")
    assert (found.addresses, found.failed) == ((), "test: timeout")


def test_names_that_are_too_long() -> None:
    domain = ".".join(["a" * 60] * 4)
    assert destinations({}, "mailto:a@red.test", domain=domain).refused == ("a@red.test: too long a name to ask for",)


def test_the_number_is_limited() -> None:
    uris = [f"mailto:a{at}@blue.test" for at in range(100)]
    assert len(destinations({}, *uris).addresses) == MAX_DESTINATIONS
    many = ",".join(f"mailto:a{at}@red.test" for at in range(100)).encode()
    answers = {"blue.test._report._dmarc.red.test": [b"v=DMARC1; rua=" + many]}
    assert len(destinations(answers, "mailto:a@red.test").addresses) == MAX_DESTINATIONS
