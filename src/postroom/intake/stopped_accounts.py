"""What follows when an account is stopped, as it sends far more than ever: its queued mail waits, people are told.

Owns: the message to the owner and the postmaster. Never: decides that an account is stopped (guard). Raises: MailError
when the queue or the directory has trouble; then it is called again, and nobody is told twice.
"""

import logging
from pathlib import Path

from postroom.accounts import Directory, Person
from postroom.base import Clock, Ids, Spool, TaskOwner
from postroom.guard import Stop
from postroom.journal import NO_JOURNAL, Journal
from postroom.message import compose_text, format_mailbox
from postroom.queue import Envelope, Queue, Recipient, destination_of, sent_by

_log = logging.getLogger("postroom.intake")
_NEVER = frozenset({"NEVER"})
_AGAIN_SECONDS = 3.0  # until all workers know that it is stopped, and have put their last into the queue
_TEXT = """\
Postroom on {hostname} has stopped the sending of {address}.

Why: {words}.

Perhaps somebody else has the password. If this was not you, change it at
once, on a computer that you trust, and look at what was sent in your name.

Until it is released, this account can't send; what its mail program tries to
send stays in its outbox. {held} recipient(s) of mail that was not sent yet
wait in the queue. Mail for the account arrives as always.

For the postmaster:
  postroom account release {address}    lets it send again, what waits too
  postroom queue list                   shows what waits
  postroom queue remove account:{account_id}    throws away what waits
"""


class StoppedAccounts:
    """guard.Guard.on_stop is its `stop`."""

    def __init__(
        self,
        directory: Directory,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        *,
        hostname: str,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._directory = directory
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._journal = journal
        self._tasks = TaskOwner("stopped-accounts")

    async def stop(self, stop: Stop) -> None:
        """Hold what the account has in the queue, and tell it and the postmaster, once."""
        person = await self._directory.person(stop.account_id)
        if person is None:
            return
        which = [sent_by(stop.account_id)]
        held = await self._queue.hold(which)
        await self._tell(person, stop, held)
        self._tasks.spawn(self._hold_again(which), name=f"hold {stop.account_id}")

    async def _hold_again(self, which: list[str]) -> None:
        await self._clock.sleep(_AGAIN_SECONDS)
        await self._queue.hold(which)

    async def _tell(self, person: Person, stop: Stop, held: int) -> None:
        postmaster = f"postmaster@{destination_of(person.address)}"
        text = _TEXT.format(
            hostname=self._hostname,
            address=person.address,
            account_id=stop.account_id,
            words=stop.words,
            held=held,
        )
        octets = compose_text(
            sender=format_mailbox("Postroom", postmaster),
            recipients=[person.address, postmaster],
            subject=f"The sending of {person.address} is stopped",
            text=text,
            date=self._clock.now(),
            message_id_token=self._ids.token(24),
            hostname=self._hostname,
            fields=[("Auto-Submitted", "auto-generated"), ("Importance", "high")],  # RFC 3834 §5
        )
        recipients = [Recipient(address, _NEVER) for address in dict.fromkeys((person.address, postmaster))]
        with Spool(Path(), memory_limit=len(octets)) as spool:  # small: never becomes a file
            spool.write(octets)
            once = f"stopped {stop.account_id} {stop.since}"
            queue_id = await self._queue.enqueue(Envelope(""), recipients, spool, once=once)
        if queue_id:
            _log.warning("%s may send no more, and is told so in %s: %s", person.address, queue_id, stop.words)
            told = [recipient.address for recipient in recipients]
            self._journal.note(queue_id, "received", to=told, size=len(octets), **{"from": ""})

    async def close(self) -> None:
        """End what waits."""
        await self._tasks.close()
