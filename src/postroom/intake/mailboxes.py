"""Final delivery: one message into one account.

Owns: the choice of the mailbox, quota, the once-only id. Never: decides whether a message is wanted: what the account's
own training says of it leads to its Junk at most. Raises: MailError.
"""

import asyncio
import logging
from collections.abc import Sequence

from postroom.accounts import LocalTarget
from postroom.base import MailError
from postroom.journal import NO_JOURNAL, Journal
from postroom.store import (
    Account,
    AppendOptions,
    Draft,
    MailboxExists,
    MailStore,
    NoSuchAccount,
    NoSuchMailbox,
    OverQuota,
)
from postroom.training import Judged, Training

from .routing import over_quota
from .settings import IntakeSettings

_log = logging.getLogger("postroom.intake")
_INBOX = "INBOX"
_JUNK = "\\Junk"


class Mailboxes:
    """Puts finished drafts where they belong."""

    def __init__(
        self,
        store: MailStore,
        settings: IntakeSettings,
        training: Training | None = None,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._store = store
        self._settings = settings
        self._training = training  # None: nobody's mail is judged by what they have taught
        self._journal = journal

    async def deliver(
        self, target: LocalTarget, draft: Draft, prefix: bytes, delivery_id: str, *, junk: bool = False
    ) -> None:
        """Commit the draft to the target's mailbox, or to the one for junk."""
        person = target.person
        judged = None if junk else await self._judged(target, draft, prefix, delivery_id)
        if judged is not None:
            prefix += judged.field
            junk = judged.junk
        options = AppendOptions(
            prefix=prefix,
            delivery_id=f"{delivery_id}/{person.account_id}/{target.detail}",
            quota_octets=person.quota_octets,
            quota_messages=person.quota_messages,
        )
        account = await self._open(person.account_id)
        try:
            if junk:
                mailbox = await _junk(account)
            else:
                mailbox = await self._mailbox(account, target.detail) if target.detail else _INBOX
            try:
                await account.append(mailbox, draft, options)
            except NoSuchMailbox:
                if mailbox == _INBOX:
                    raise
                await account.append(_INBOX, draft, options)  # it was deleted between the look and the delivery
        except OverQuota as error:
            raise over_quota(error.detail, self._settings) from error
        finally:
            account.close()

    async def deliver_all(
        self, deliveries: Sequence[tuple[LocalTarget, bytes]], draft: Draft, delivery_id: str, *, junk: bool = False
    ) -> list[MailError | None]:
        """Deliver to several accounts at once; what became of each."""
        turn = asyncio.Semaphore(self._settings.max_concurrent_deliveries)

        async def one(target: LocalTarget, prefix: bytes) -> MailError | None:
            async with turn:
                return await self.attempt(target, draft, prefix, delivery_id, junk=junk)

        return await asyncio.gather(*(one(target, prefix) for target, prefix in deliveries))

    async def attempt(
        self, target: LocalTarget, draft: Draft, prefix: bytes, delivery_id: str, *, junk: bool = False
    ) -> MailError | None:
        """`deliver` with its failure as a value; a failure that is our own bug is a temporary one."""
        try:
            await self.deliver(target, draft, prefix, delivery_id, junk=junk)
        except MailError as error:
            _log.warning("%s: not delivered to %s: %s", delivery_id, target.address, error)
            return error
        except Exception as error:
            _log.exception("%s: not delivered to %s", delivery_id, target.address)
            return MailError(repr(error))
        return None

    async def _judged(self, target: LocalTarget, draft: Draft, prefix: bytes, delivery_id: str) -> Judged | None:
        """By what this person has called junk until now."""
        if self._training is None:
            return None
        judged = await self._training.classify(target.person.account_id, draft, prefix)
        if judged is not None:
            told = {"verdict": judged.verdict, "words": judged.part.words}
            self._journal.note(delivery_id, "judged", to=target.person.address, **told)
        return judged

    async def _open(self, account_id: int) -> Account:
        try:
            return await self._store.open(account_id)
        except NoSuchAccount:
            # The directory knows the person, so the folder is only late: whoever added them is about to make it.
            await self._store.create_account(account_id)
            return await self._store.open(account_id)

    async def _mailbox(self, account: Account, detail: str) -> str:
        """The mailbox that a sub-address names (RFC 5233), in any case of letters; INBOX when there is none."""
        if not self._settings.details_name_mailboxes:
            return _INBOX
        wanted = detail.casefold()
        for mailbox in await account.mailboxes():
            # Nobody outside may put mail among somebody's sent mail, drafts or trash.
            if mailbox.name.casefold() == wanted and mailbox.special_use is None:
                return mailbox.name
        return _INBOX


async def _junk(account: Account) -> str:
    """The mailbox whose special use that is (RFC 6154 §2); made when its owner has none."""
    for mailbox in await account.mailboxes():
        if mailbox.special_use == _JUNK:
            return mailbox.name
    try:
        return (await account.create("Junk", special_use=_JUNK)).name
    except MailboxExists:
        return "Junk"  # they have given it no use, or another delivery has just made it
