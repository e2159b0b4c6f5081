"""What a sender wishes of the delivery, as this server grants it.

Owns: the bounds of HOLDFOR and HOLDUNTIL (RFC 4865 §4.2), how much of one person's is held (§5), the bounds of
MT-PRIORITY (RFC 6710 §4.1), and the moments that intervals stand for. Never: parses, knows who the sender is. Raises:
HoldRefused, HeldTooMuch.
"""

from dataclasses import dataclass

from postroom.base import MailError
from postroom.queue import DeliverBy, HeldMail
from postroom.smtp import Mail, Reply, SmtpSettings, replies


class HoldRefused(MailError):
    """Longer than the server holds mail, or until after it should have arrived."""

    code, enhanced, text = 501, "5.5.4", "The message can't be held for so long"  # RFC 4865 §4.2 (10), (11)


class HeldTooMuch(MailError):
    """The person has as much held as they may (RFC 4865 §5 (3) to (5))."""

    code, enhanced, text = 552, "5.7.16", "You have too much mail held already; wait until some of it is sent"


async def check_quota(held: HeldMail, holder: int, octets: int, settings: SmtpSettings, *, now: float) -> None:
    """Is there room for one more message, of so many octets, that this account wants held? Raises HeldTooMuch."""
    messages, held_octets = await held.held(holder, now)
    if messages >= settings.max_held_messages or held_octets + octets > settings.max_held_octets:
        raise HeldTooMuch(f"account {holder} has {messages} messages held, {held_octets} octets")


@dataclass(frozen=True, slots=True)
class Wishes:
    """For the queue, and the reply to MAIL that grants them."""

    hold_until: float | None
    deliver_by: DeliverBy | None
    priority: int
    reply: Reply

    @staticmethod
    def of(mail: Mail, settings: SmtpSettings, *, now: float, max_priority: int) -> "Wishes":
        """What `mail` gets at the moment `now`."""
        hold_until = mail.hold_until if mail.hold_for is None else now + mail.hold_for
        if hold_until is not None and hold_until > now + settings.max_hold_seconds:
            raise HoldRefused(f"for {hold_until - now:.0f} seconds")
        by = mail.by
        deliver_by = DeliverBy(now + by.seconds, by.notify_only, by.trace) if by is not None else None
        if hold_until is not None and deliver_by is not None and hold_until > deliver_by.at:  # RFC 4865 §5.2.2
            raise HoldRefused("until after BY", text="The message should arrive before it is sent")
        wanted = mail.priority or 0
        priority = min(wanted, max_priority)  # RFC 6710 §4.1: nobody raises what they are not trusted to raise
        lowered = Reply(250, "2.3.6", f"{priority} is the highest priority for you")
        return Wishes(hold_until, deliver_by, priority, replies.SENDER_OK if priority == wanted else lowered)


NO_WISHES = Wishes(None, None, 0, replies.SENDER_OK)
