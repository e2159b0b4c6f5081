"""What is posted to a mailing list: whether it may be, and what its members get.

Owns: the refusals, the expansion into one queue message with a sender and an unsubscribe link for each member. Never:
reads what comes back (list_mail.py does). Raises: PostingRefused, MailLoop, and what the queue raises.

The expansion is one transaction of the queue, which remembers that it has been made: a crash loses nobody, and another
attempt sends nothing twice.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from postroom.accounts import Lists, MailingList, Member, address_key
from postroom.base import MailError
from postroom.journal import NO_JOURNAL, Journal
from postroom.message import list_fields, list_id, list_ids, parse_list, posted_header, unfold, unsubscribe_fields
from postroom.message.header import index_header
from postroom.queue import Envelope, Queue, Recipient
from postroom.signing import UNSIGNED, Signing, signers
from postroom.store import Draft, MailStore

from .trace import MailLoop

# The header of the message as it came, the list's domain, the post, its header as it goes out: our ARC set.
SealPost: TypeAlias = Callable[[bytes, str, Draft, bytes], Awaitable[bytes]]
_PIECE_OCTETS = 262_144
_KEYWORD = re.compile(rb"[A-Za-z-]+")


class PostingRefused(MailError):
    """RFC 3463 §3.8: mailing list expansion prohibited."""

    code, enhanced, text = 550, "5.7.2", "You are not allowed to post to this list"


def automatic(header: bytes) -> str:
    """The keyword of Auto-Submitted (RFC 3834 §5); "no" when a person has sent it."""
    keyword = _KEYWORD.match(index_header(header).first(b"auto-submitted") or b"")
    return keyword[0].decode("ascii").lower() if keyword else "no"


def authors(header: bytes) -> list[str]:
    """The addresses of From."""
    return [
        f"{one.mailbox.decode('utf-8', 'replace')}@{one.host.decode('utf-8', 'replace')}"
        for value in index_header(header).by_name.get(b"from", ())
        for one in parse_list(unfold(value))
        if one.mailbox is not None and one.host is not None
    ]


class ListPosts:
    """`check` at the end of DATA and once more when the queue gives the post out, then `expand`."""

    def __init__(
        self,
        lists: Lists,
        queue: Queue,
        store: MailStore,
        unsubscribe_url: str,
        signing: Signing = UNSIGNED,
        seal: SealPost | None = None,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._journal = journal
        self._seal = seal  # None: posts go out without an ARC set of ours
        self._lists = lists
        self._queue = queue
        self._store = store
        self._url = unsubscribe_url
        self._signing = signing

    async def check(self, to: MailingList, mail_from: str, header: bytes) -> None:
        """Raises PostingRefused, MailLoop."""
        if list_id(to.address) in list_ids(header):
            raise MailLoop(f"{to.address}: it has been on this list before")
        if not mail_from or automatic(header) == "auto-replied":
            raise PostingRefused(f"{to.address}: an automatic reply", text="Automatic replies are not for the list")
        if to.posting == "anyone":
            return
        writers = authors(header)
        for writer in writers:
            if not await self._may_post(to, writer):
                raise PostingRefused(f"{to.address}: {writer} may not post")
        if not writers:
            raise PostingRefused(f"{to.address}: no author")
        # The envelope has to agree: it is what a report goes to. Another address of an author's domain will do.
        domain = mail_from.rpartition("@")[2].lower()
        agrees = any(writer.rpartition("@")[2].lower() == domain for writer in writers)
        if not agrees and not await self._may_post(to, mail_from):
            raise PostingRefused(f"{to.address}: {mail_from} may not post")

    async def _may_post(self, to: MailingList, address: str) -> bool:
        key = address_key(address)
        if key in {address_key(one) for one in (*to.owners, *(() if to.posting == "owners" else to.posters))}:
            return True
        return to.posting == "members" and await self._lists.member(to.list_id, address) is not None

    async def expand(self, to: MailingList, envelope: Envelope, draft: Draft, once: str) -> str:
        """Into the queue for all members; the queue id, "" when that has been done or there is nobody."""
        members = [one for one in await self._lists.members(to.list_id) if not one.suspended]
        if not members:
            return ""
        recipients = await self._recipients(to, members)
        fields = list_fields(to.address, title=to.title, archive=to.archive, closed=to.posting in ("owners", "named"))
        local, _, domain = to.address.rpartition("@")
        # RFC 3461 §5.2.7.1: what the author wished to hear ends here
        sent = Envelope(
            f"{local}-bounces@{domain}",
            body_8bit=envelope.body_8bit,
            smtputf8=envelope.smtputf8,
            binary=envelope.binary,
            long_lines=envelope.long_lines,
            require_tls=envelope.require_tls,
            priority=envelope.priority,
        )
        header = draft.facts.header
        posted = posted_header(header, to.prefix)
        with self._store.draft() as post:
            post.write(posted)
            for at in range(len(header), draft.size, _PIECE_OCTETS):
                post.write(draft.spool.read(at, at + _PIECE_OCTETS))
                await asyncio.sleep(0)  # it may be long, and others have their turns
            recipients, signature = await self._signed(domain, recipients, post, posted, fields)
            fields = signature + fields  # which the seal covers (RFC 8617 §5.1)
            seal = b"" if self._seal is None else await self._seal(header, domain, post, fields + posted)
            queue_id = await self._queue.enqueue(sent, recipients, post.spool, prefix=seal + fields, once=once)
        if queue_id:
            if signed := signers(signature or recipients[0].lead):  # the same keys for each member
                self._journal.note(queue_id, "signed", by=signed)
            if seal:
                self._journal.note(queue_id, "sealed", by=domain)
        return queue_id

    async def _signed(
        self, domain: str, recipients: list[Recipient], post: Draft, posted: bytes, fields: bytes
    ) -> tuple[list[Recipient], bytes]:
        """The list's own signature: one for all, or, with links that need only one click, for each member.

        RFC 8058 §4: such a link counts only when a signature covers its fields, which are another's for each member.
        """
        if not self._url:
            return recipients, await self._signing.fields(domain, post.spool, header=posted, above=fields)
        leads = [one.lead for one in recipients]
        signed = await self._signing.copies(domain, post.spool, leads, header=posted, above=fields)
        return [replace(one, lead=own + one.lead) for one, own in zip(recipients, signed, strict=True)], b""

    async def _recipients(self, to: MailingList, members: list[Member]) -> list[Recipient]:
        """Each member with a return address of their own, by which their bounces are known, and their own link."""
        local, _, domain = to.address.rpartition("@")
        back = await self._lists.tokens("bounces", members)
        out = await self._lists.tokens("unsubscribe", members)
        return [
            Recipient(
                member.address,
                mail_from=f"{local}-bounces+{bounces}@{domain}",
                lead=unsubscribe_fields(
                    f"{local}-unsubscribe+{unsubscribe}@{domain}",
                    f"{self._url.rstrip('/')}/{unsubscribe}" if self._url else "",
                ),
            )
            for member, bounces, unsubscribe in zip(members, back, out, strict=True)
        ]
