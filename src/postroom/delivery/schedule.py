"""When a message is tried again, when its sender hears of a delay, when it is given up (RFC 5321 §4.5.4.1).

Owns: the arithmetic. Never: keeps time or touches the queue. Raises: nothing.
"""

from postroom.base import Ids
from postroom.queue import Entry

from .settings import DeliverySettings


def deadline(entry: Entry, settings: DeliverySettings) -> float:
    """The moment of the last attempt."""
    null_sender = not entry.message.envelope.mail_from
    patience = settings.give_up_null_sender_seconds if null_sender else settings.give_up_seconds
    return entry.message.arrived + patience


def next_attempt(entry: Entry, now: float, ids: Ids, settings: DeliverySettings) -> float:
    """After the failed attempt number `entry.attempts + 1`: twice the wait each time, up to a limit, never too late."""
    doublings = min(entry.attempts, 40)
    wait = min(settings.first_retry_seconds * 2.0**doublings, settings.max_retry_seconds)
    wait *= 1.0 + settings.retry_jitter * (2.0 * ids.jitter() - 1.0)
    return min(now + wait, max(deadline(entry, settings), now + 1.0))


def is_expired(entry: Entry, now: float, settings: DeliverySettings) -> bool:
    """The attempt that has just failed was the last."""
    return now >= deadline(entry, settings)


def wants_delay_warning(entry: Entry, now: float, settings: DeliverySettings) -> bool:
    """Tell the sender now that it takes longer (RFC 3461 §5.2.5)."""
    if not settings.delay_warning_seconds or entry.delay_warned or not entry.message.envelope.mail_from:
        return False
    notify = entry.recipient.notify
    late = now >= entry.message.arrived + settings.delay_warning_seconds
    return late and (notify is None or "DELAY" in notify)


def wants_failure_report(entry: Entry) -> bool:
    """RFC 3461 §5.2.6; never to the null sender (RFC 5321 §4.5.5), so bounces can't bounce."""
    notify = entry.recipient.notify
    return bool(entry.message.envelope.mail_from) and (notify is None or "FAILURE" in notify)


def wants_success_report(entry: Entry) -> bool:
    """RFC 3461 §5.2.2 (b), §5.2.3 (a)."""
    notify = entry.recipient.notify
    return bool(entry.message.envelope.mail_from) and notify is not None and "SUCCESS" in notify
