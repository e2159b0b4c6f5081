"""When again."""

from dataclasses import replace

import pytest

from postroom.base import SeededIds
from postroom.delivery import DeliverySettings
from postroom.delivery.schedule import (
    deadline,
    is_expired,
    next_attempt,
    wants_delay_warning,
    wants_failure_report,
    wants_relay_report,
    wants_success_report,
)
from postroom.queue import DeliverBy, Entry, EntryState, Envelope, QueuedMessage, Recipient

SETTINGS = DeliverySettings(retry_jitter=0)


def entry(
    *, attempts: int = 0, mail_from: str = "a@a.test", notify: set[str] | None = None, warned: bool = False
) -> Entry:
    message = QueuedMessage("q", Envelope(mail_from), 1, 0.0)
    recipient = Recipient("b@b.test", None if notify is None else frozenset(notify))
    return Entry(1, message, recipient, EntryState.SENDING, attempts, 0.0, "", warned)


def test_waits_double_up_to_a_limit() -> None:
    waits = [next_attempt(entry(attempts=n), 0.0, SeededIds(), SETTINGS) for n in range(9)]
    assert waits == [300, 600, 1200, 2400, 4800, 9600, 14400, 14400, 14400]
    assert next_attempt(entry(attempts=10**6), 0.0, SeededIds(), SETTINGS) == 14400


def test_jitter_stays_within_its_part() -> None:
    ids = SeededIds()
    waits = {next_attempt(entry(), 0.0, ids, DeliverySettings(retry_jitter=0.1)) for _ in range(200)}
    assert len(waits) == 200
    assert min(waits) >= 270
    assert max(waits) <= 330


def test_the_last_attempt_is_at_the_deadline() -> None:
    assert next_attempt(entry(attempts=9), 431_000.0, SeededIds(), SETTINGS) == 432_000
    assert not is_expired(entry(), 431_999.0, SETTINGS)
    assert is_expired(entry(), 432_000.0, SETTINGS)
    assert deadline(entry(mail_from=""), SETTINGS) == 172_800
    assert next_attempt(entry(), 500_000.0, SeededIds(), SETTINGS) == 500_001  # never in the past


@pytest.mark.parametrize(
    ("notify", "failure", "success", "delay"),
    [
        (None, True, False, True),
        ({"NEVER"}, False, False, False),
        ({"SUCCESS"}, False, True, False),
        ({"FAILURE"}, True, False, False),
        ({"DELAY"}, False, False, True),
        ({"SUCCESS", "FAILURE", "DELAY"}, True, True, True),
    ],
)
def test_who_wants_to_know(notify: set[str] | None, failure: bool, success: bool, delay: bool) -> None:
    one = entry(notify=notify)
    assert wants_failure_report(one) is failure
    assert wants_success_report(one) is success
    assert wants_delay_warning(one, 14_400.0, SETTINGS) is delay
    assert not wants_delay_warning(one, 14_399.0, SETTINGS)
    null = entry(notify=notify, mail_from="")
    assert not any((wants_failure_report(null), wants_success_report(null), wants_delay_warning(null, 9e9, SETTINGS)))


def test_one_warning_is_enough() -> None:
    assert not wants_delay_warning(entry(warned=True), 9e9, SETTINGS)
    assert not wants_delay_warning(entry(), 9e9, DeliverySettings(delay_warning_seconds=0))


@pytest.mark.parametrize(
    ("trace", "forgot", "notify", "mail_from", "wanted"),
    [
        (False, False, None, "a@a.test", False),
        (True, False, None, "a@a.test", True),
        (False, True, {"SUCCESS"}, "a@a.test", True),
        (True, True, {"NEVER"}, "a@a.test", False),
        (True, True, None, "", False),
    ],
)
def test_who_hears_of_relaying(
    trace: bool, forgot: bool, notify: set[str] | None, mail_from: str, wanted: bool
) -> None:
    plain = entry(notify=notify, mail_from=mail_from)
    assert not wants_relay_report(plain, forgot_deadline=forgot)  # there is no deadline
    envelope = Envelope(mail_from, deliver_by=DeliverBy(100.0, notify_only=True, trace=trace))
    timed = replace(plain, message=replace(plain.message, envelope=envelope))
    assert wants_relay_report(timed, forgot_deadline=forgot) is wanted
