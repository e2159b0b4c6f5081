"""What is usual for an account, and what is far more."""

from postroom.guard.baselines import DAY, HOUR, Sending, accepted, after, unusual
from postroom.guard.settings import GuardSettings

SETTINGS = GuardSettings(stop_factor=5, stop_floor_per_hour=100, stop_floor_per_day=300, usual_half_life_days=10)
START = 1_700_000_000.0 // DAY * DAY


def send(sending: Sending, now: float, recipients: int) -> Sending:
    return after(sending, now, SETTINGS, recipients=recipients)


def test_a_new_account_has_the_floor() -> None:
    assert unusual(send(Sending(), START, 100), SETTINGS) == ""
    assert "101 recipients elsewhere in one hour" in unusual(send(Sending(), START, 101), SETTINGS)


def test_who_sends_much_every_week_may() -> None:
    sending = Sending()
    for week in range(8):
        for hour in range(4):  # the newsletter, each week a little larger
            sending = send(sending, START + week * 7 * DAY + hour * HOUR, 60 + 20 * week)
            assert unusual(sending, SETTINGS) == "", (week, hour, sending)
    assert 100 < sending.usual_hour < 220
    stolen = send(sending, START + 60 * DAY, 2000)
    assert "in one hour" in unusual(stolen, SETTINGS)


def test_slow_misuse_is_seen_by_the_day() -> None:
    sending = Sending()
    words = []
    for hour in range(10):
        sending = send(sending, START + hour * HOUR, 60)
        words.append(unusual(sending, SETTINGS))
    assert words[:5] == [""] * 5
    assert "in one day" in words[5]


def test_what_is_usual_is_forgotten() -> None:
    sending = send(Sending(), START, 100)
    sending = send(sending, START + HOUR, 0)
    assert sending.usual_hour == 50.0
    assert abs(send(sending, START + HOUR + 10 * DAY, 0).usual_hour - 25.0) < 0.1


def test_a_clock_that_goes_back_goes_on_with_the_same_hour() -> None:
    sending = send(Sending(), START, 60)
    sending = send(sending, START - 40 * HOUR, 60)
    assert (sending.in_hour, sending.in_day) == (120, 120)


def test_a_clock_that_jumps_ahead_forgets_a_month_at_most() -> None:
    sending = Sending(hour=int(START // HOUR), usual_hour=80.0, day=int(START // DAY), usual_day=80.0)
    sending = send(sending, START + 3650 * DAY, 0)
    assert sending.usual_hour == 10.0
    assert sending.usual_day == 10.0


def test_bounces_are_a_sign() -> None:
    settings = GuardSettings(stop_bounces=10, stop_bounce_part=0.5)
    assert unusual(after(Sending(), START, settings, recipients=30, bounces=10), settings) == ""
    assert unusual(after(Sending(), START, settings, recipients=20, bounces=9), settings) == ""
    stopped = after(Sending(), START, settings, recipients=20, bounces=10)
    assert unusual(stopped, settings) == "10 of 20 recipients of this day bounced"
    assert unusual(after(stopped, START + DAY, settings), settings) == ""


def test_off() -> None:
    settings = GuardSettings(stop_factor=0, stop_bounces=0)
    assert unusual(after(Sending(), START, settings, recipients=10**6, bounces=10**6), settings) == ""


def test_what_an_operator_has_seen_is_usual() -> None:
    sending = accepted(send(Sending(), START, 500), START, SETTINGS)
    assert unusual(sending, SETTINGS) == ""
    assert unusual(send(sending, START, 1900), SETTINGS) == ""
    assert unusual(send(sending, START, 2100), SETTINGS) != ""
