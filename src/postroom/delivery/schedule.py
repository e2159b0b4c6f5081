"""When a message is tried again, when its sender hears of a delay, when it is given up (RFC 5321 §4.5.4.1).

Owns: the arithmetic. Never: keeps time or touches the queue. Raises: nothing.
"""

from postroom.base import Ids
from postroom.queue import Entry

from .settings import DeliverySettings


def begins(entry: Entry) -> float:
    """When delivery could begin: on arrival, or when the sender wanted it (RFC 4865 §4)."""
    return max(entry.message.arrived, entry.message.envelope.hold_until or 0.0)


def deadline(entry: Entry, settings: DeliverySettings) -> float:
    """The moment of the last attempt; earlier where the sender said so (RFC 2852 §4.1.2, by-mode R)."""
    envelope = entry.message.envelope
    patience = settings.give_up_seconds if envelope.mail_from else settings.give_up_null_sender_seconds
    end = begins(entry) + patience
    by = envelope.deliver_by
    return end if by is None or by.notify_only else min(end, by.at)


def next_attempt(entry: Entry, now: float, ids: Ids, settings: DeliverySettings) -> float:
    """After the failed attempt number `entry.attempts + 1`: twice the wait each time, up to a limit, never too late."""
    if settings.retry_by_age:
        age = now - begins(entry)
        wait = next((wait for until, wait in settings.retry_by_age if age < until), settings.retry_by_age[-1][1])
    else:
        wait = min(settings.first_retry_seconds * 2.0 ** min(entry.attempts, 40), settings.max_retry_seconds)
    wait *= 1.0 + settings.retry_jitter * (2.0 * ids.jitter() - 1.0)
    by = entry.message.envelope.deliver_by
    if by is not None and by.at > now:
        wait = min(wait, by.at - now)  # when it is time to return it, or to warn its sender
    return min(now + wait, max(deadline(entry, settings), now + 1.0))


def is_expired(entry: Entry, now: float, settings: DeliverySettings) -> bool:
    """The attempt that has just failed was the last."""
    return now >= deadline(entry, settings)


def wants_delay_warning(entry: Entry, now: float, settings: DeliverySettings) -> bool:
    """Tell the sender now that it takes longer (RFC 3461 §5.2.5)."""
    envelope = entry.message.envelope
    if entry.delay_warned or not envelope.mail_from:
        return False
    notify = entry.recipient.notify
    by = envelope.deliver_by
    late = settings.delay_warning_seconds > 0 and now >= begins(entry) + settings.delay_warning_seconds
    if by is not None and by.notify_only:
        late = now >= by.at  # RFC 2852 §4.1.3
    return late and (notify is None or "DELAY" in notify)


def wants_failure_report(entry: Entry) -> bool:
    """RFC 3461 §5.2.6; never to the null sender (RFC 5321 §4.5.5), so bounces can't bounce."""
    notify = entry.recipient.notify
    return bool(entry.message.envelope.mail_from) and (notify is None or "FAILURE" in notify)


def wants_relay_report(entry: Entry, *, forgot_deadline: bool) -> bool:
    """The next host has taken a message with a deadline, and its sender asked to hear of that, or will hear no more.

    RFC 2852 §4.1.4: whatever of NOTIFY but NEVER.
    """
    by = entry.message.envelope.deliver_by
    if by is None or not entry.message.envelope.mail_from or "NEVER" in (entry.recipient.notify or ()):
        return False
    return by.trace or forgot_deadline


def wants_success_report(entry: Entry) -> bool:
    """RFC 3461 §5.2.2 (b), §5.2.3 (a)."""
    notify = entry.recipient.notify
    return bool(entry.message.envelope.mail_from) and notify is not None and "SUCCESS" in notify
