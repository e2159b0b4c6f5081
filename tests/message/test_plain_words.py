"""Status codes for people."""

import pytest

from postroom.message.plain_words import explain


def test_known_codes() -> None:
    assert "does not exist" in explain("5.1.1").why
    assert "typing mistake" in explain("5.1.1").advice
    assert "full" in explain("4.2.2").why


@pytest.mark.parametrize("code", ["5.1.99", "4.7.99"])
def test_an_unknown_detail_falls_back_to_its_subject(code: str) -> None:
    assert explain(code) == explain(code[:4] + "0")


@pytest.mark.parametrize("code", ["5.0.0", "", "nonsense", "9.9.9"])
def test_anything_has_an_explanation(code: str) -> None:
    assert explain(code).why
    assert explain(code).advice
