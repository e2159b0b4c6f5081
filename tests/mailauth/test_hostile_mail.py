"""Many messages that were made to be dear: none stops a check, asks more than it may, or costs more than it may."""

import os
from functools import cache

import pytest
from tests.mailauth.hostile_mail import hostile
from tests.mailauth.test_spoofing import Found

from postroom.mailauth.arc.types import ArcLimits
from postroom.mailauth.dkim import DkimLimits
from postroom.mailauth.dmarc.tree import MAX_QUESTIONS, MAX_WALKS
from postroom.mailauth.spf.types import SpfLimits

MOST = 0.5  # seconds of CPU: ten times the aim, as machines differ; bench's row says what it is
COUNT = int(os.environ.get("POSTROOM_SOAK", "40"))


@cache
def cost(number: int) -> tuple[Found, float]:
    return hostile(number).cost()


@pytest.mark.parametrize("number", range(COUNT))
def test_a_hostile_message_is_bounded(number: int) -> None:
    found, spent = cost(number)
    assert spent < MOST
    dkim, walks = DkimLimits(), (1 + MAX_WALKS) * MAX_QUESTIONS + 1
    assert found.questions <= dkim.max_signatures + ArcLimits().max_questions + 2 * SpfLimits().most_questions + walks
    assert not any(one.result.value == "pass" for one in found.dkim)
    assert found.dmarc.result.value != "pass"


def test_the_set_reaches_into_every_check() -> None:
    """Otherwise its messages would be cheap because nothing looked at them."""
    found = [cost(number)[0] for number in range(40)]
    assert {one.dmarc.result.value for one in found} >= {"fail", "none"}
    assert {verdict.result.value for one in found for verdict in one.spf} >= {"fail", "permerror", "temperror"}
    assert {verdict.result.value for one in found for verdict in one.dkim} >= {"fail", "permerror"}
    assert {one.arc.result.value for one in found} >= {"none", "pass", "fail"}
