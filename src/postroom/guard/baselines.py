"""What an account usually sends, and whether what it sends now is far more.

Owns: the arithmetic. Never: keeps the time, disk; stops anybody. Raises: nothing.

Hours and days are those of the time of day, in UTC, numbered since 1970. When one is over, what is usual moves half way
up to what was sent in it, or sinks by its half-life: so it is about what the account sends in its busy hours. A clock
that goes back continues the hour it was in; one that jumps ahead lets what is usual sink by a month at most.
"""

from dataclasses import dataclass, replace

from .settings import GuardSettings

HOUR, DAY = 3600.0, 86_400.0
_RISE = 0.5
_MOST_DAYS = 30.0  # of forgetting at once


@dataclass(frozen=True, slots=True)
class Sending:
    """Recipients elsewhere of one account: now, and usually."""

    hour: int = 0  # its number
    in_hour: int = 0
    usual_hour: float = 0.0
    day: int = 0
    in_day: int = 0
    usual_day: float = 0.0
    bounces: int = 0  # of this day


def after(sending: Sending, now: float, settings: GuardSettings, *, recipients: int = 0, bounces: int = 0) -> Sending:
    """With so many more, at that time of day."""
    sending = _rolled(sending, now, settings)
    return replace(
        sending,
        in_hour=sending.in_hour + recipients,
        in_day=sending.in_day + recipients,
        bounces=sending.bounces + bounces,
    )


def _rolled(sending: Sending, now: float, settings: GuardSettings) -> Sending:
    hour, day = int(now // HOUR), int(now // DAY)
    if hour > sending.hour:
        days = (hour - sending.hour) * HOUR / DAY
        usual = _usual(sending.usual_hour, sending.in_hour, days, settings)
        sending = replace(sending, hour=hour, in_hour=0, usual_hour=usual)
    if day > sending.day:
        usual = _usual(sending.usual_day, sending.in_day, day - sending.day, settings)
        sending = replace(sending, day=day, in_day=0, usual_day=usual, bounces=0)
    return sending


def _usual(usual: float, sent: int, days: float, settings: GuardSettings) -> float:
    if sent > usual:
        return float(usual + (sent - usual) * _RISE)
    return float(usual * 0.5 ** (min(days, _MOST_DAYS) / settings.usual_half_life_days))


def unusual(sending: Sending, settings: GuardSettings) -> str:
    """In words what is far more than usual; "" when nothing is."""
    factor = settings.stop_factor
    if factor:
        for name, sent, usual, floor in (
            ("hour", sending.in_hour, sending.usual_hour, settings.stop_floor_per_hour),
            ("day", sending.in_day, sending.usual_day, settings.stop_floor_per_day),
        ):
            if sent > max(floor, factor * usual):
                return f"{sent} recipients elsewhere in one {name}; {usual:.0f} is usual for its busy ones"
    bounces = sending.bounces
    if (
        settings.stop_bounces
        and bounces >= settings.stop_bounces
        and bounces >= settings.stop_bounce_part * max(sending.in_day, 1)
    ):
        return f"{bounces} of {sending.in_day} recipients of this day bounced"
    return ""


def accepted(sending: Sending, now: float, settings: GuardSettings) -> Sending:
    """As usual from now on: an operator has looked at it."""
    sending = _rolled(sending, now, settings)
    return replace(
        sending,
        usual_hour=max(sending.usual_hour, sending.in_hour),
        usual_day=max(sending.usual_day, sending.in_day),
        bounces=0,
    )
