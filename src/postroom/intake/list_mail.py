"""Mail for a list's other addresses: what bounced, who wants to leave, questions.

Owns: what becomes of it, the answers. Never: answers what no person has sent (RFC 3834 §2). Raises: what the directory
and the queue raise.

Everything here may be done a second time after a crash: each answer is remembered by the queue, each bounce by the
member.
"""

import logging
import re
from pathlib import Path

from postroom.accounts import Lists, ListTarget, MailingList, Member
from postroom.base import Clock, Ids, Spool
from postroom.journal import NO_JOURNAL, Journal
from postroom.message import compose_text, first_value, format_mailbox
from postroom.queue import Envelope, Queue, Recipient
from postroom.signing import UNSIGNED, Signing, signers
from postroom.store import Draft

from .list_posts import authors, automatic

_log = logging.getLogger("postroom.intake")
_NEVER = frozenset({"NEVER"})
_REPORT_OCTETS = 262_144  # of a report, in which its fields are looked for
_REPORT = re.compile(rb"multipart/report", re.IGNORECASE)
_FAILED = re.compile(rb"^action[ \t]*:[ \t]*failed\b", re.IGNORECASE | re.MULTILINE)  # RFC 3464 §2.3.3
_FOR_GOOD = re.compile(rb"^status[ \t]*:[ \t]*5\.", re.IGNORECASE | re.MULTILINE)  # RFC 3464 §2.3.4
_FROM_LISTS = (b"list", b"bulk", b"junk")
_LEAVE = frozenset({"unsubscribe", "leave", "remove", "signoff"})


class ListMail:
    """`take` what came for one of the addresses."""

    def __init__(
        self,
        lists: Lists,
        queue: Queue,
        clock: Clock,
        ids: Ids,
        hostname: str,
        signing: Signing = UNSIGNED,
        journal: Journal = NO_JOURNAL,
    ) -> None:
        self._journal = journal
        self._lists = lists
        self._queue = queue
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._signing = signing

    async def take(self, target: ListTarget, envelope: Envelope, draft: Draft, once: str) -> None:
        """Done when it returns; `once` names this message at this address."""
        to = await self._lists.by_id(target.list_id)
        if to is None:
            return  # removed meanwhile
        if target.role == "request":
            await self._request(to, envelope, draft, once)
            return
        if target.role == "post":
            return
        member = await self._lists.member_by_token(target.role, target.token)
        if member is None or member.list_id != to.list_id:
            return  # left meanwhile
        if target.role == "bounces":
            await self._bounced(to, member, draft, once)
        else:
            await self._leave(to, member, envelope, draft.facts.header, once)

    # ---- bounces

    async def _bounced(self, to: MailingList, member: Member, draft: Draft, once: str) -> None:
        if not is_failure(draft):
            return
        now = self._lists.after_bounce(member, once)
        if now is member:
            return
        _log.info("%s: %s bounced, %d in a row", to.address, member.address, now.bounces)
        if now.suspended and not member.suspended:
            # first, as the queue remembers it: a crash before the next line does it again, and tells nobody twice
            await self._tell(
                to,
                _role(to, "owner"),
                f"{member.address} gets no more mail from {to.address}",
                f"{now.bounces} messages in a row for {member.address} bounced for good, so the list sends no more.\n\n"
                f"To let it try again: postroom list member resume {to.address} {member.address}\n"
                f"To remove the member: postroom list member remove {to.address} {member.address}\n",
                f"{once}/suspended",
            )
        await self._lists.keep(now)

    # ---- leaving

    async def _leave(self, to: MailingList, member: Member, envelope: Envelope, header: bytes, once: str) -> None:
        if envelope.mail_from and is_personal(header):
            text = f"{member.address} is not on the list {to.address} any more.\n"
            await self._tell(to, member.address, f"You have left {to.address}", text, f"{once}/left", header)
        await self._lists.remove_member(member)
        _log.info("%s: %s has left", to.address, member.address)

    async def _request(self, to: MailingList, envelope: Envelope, draft: Draft, once: str) -> None:
        header = draft.facts.header
        if not envelope.mail_from or not is_personal(header):
            _log.info("%s: a request that no person has sent: dropped", to.address)
            return
        writers = authors(header)
        member = await self._lists.member(to.list_id, writers[0]) if len(writers) == 1 else None
        if member is None:  # whoever it is gets no answer from a program, which somebody else might have asked for
            recipients = [Recipient(_role(to, "owner"))]
            await self._queue.enqueue(envelope, recipients, draft.spool, once=f"{once}/owner")
            return
        subject = (first_value(header, b"Subject") or b"").decode("utf-8", "replace").strip().lower()
        if subject.partition(" ")[0] in _LEAVE or _first_word(draft) in _LEAVE:
            (token,) = await self._lists.tokens("unsubscribe", [member])
            await self._tell(
                to,
                member.address,
                f"Confirm that you want to leave {to.address}",
                f"Somebody, perhaps you, asked that {member.address} leaves the list {to.address}.\n\n"
                "Answer this message to leave. Do nothing to stay.\n",
                f"{once}/confirm",
                header,
                reply_to=_role(to, f"unsubscribe+{token}"),
            )
            return
        await self._tell(to, member.address, f"The list {to.address}", _help(to), f"{once}/help", header)

    # ---- answers

    async def _tell(
        self,
        to: MailingList,
        recipient: str,
        subject: str,
        text: str,
        once: str,
        about: bytes = b"",
        *,
        reply_to: str = "",
    ) -> None:
        """A message with the null sender (RFC 3834 §3.3), which nothing answers."""
        fields = [("Auto-Submitted", "auto-replied" if about else "auto-generated")]  # RFC 3834 §5
        message_id = first_value(about, b"Message-ID")
        if message_id is not None:
            fields.append(("In-Reply-To", message_id.decode("ascii", "replace")))
        if reply_to:
            fields.append(("Reply-To", reply_to))
        octets = compose_text(
            sender=format_mailbox(to.title, _role(to, "request")),
            recipients=[recipient],
            subject=subject,
            text=text,
            date=self._clock.now(),
            message_id_token=self._ids.token(24),
            hostname=self._hostname,
            fields=fields,
        )
        with Spool(Path(), memory_limit=len(octets)) as spool:  # small: never becomes a file
            spool.write(octets)
            signed = await self._signing.fields(to.address.rpartition("@")[2], spool)
            told = Envelope("", smtputf8=not recipient.isascii())
            queue_id = await self._queue.enqueue(told, [Recipient(recipient, _NEVER)], spool, prefix=signed, once=once)
        if queue_id:
            self._journal.note(queue_id, "made", what=f"message of the list {to.address}", to=recipient)
            if signed:
                self._journal.note(queue_id, "signed", by=signers(signed))


def is_failure(draft: Draft) -> bool:
    """A report of RFC 3464 says that something was refused for good."""
    kind = first_value(draft.facts.header, b"Content-Type") or b""
    if not _REPORT.match(kind):
        return False
    octets = draft.spool.read(0, _REPORT_OCTETS)
    return _FAILED.search(octets) is not None and _FOR_GOOD.search(octets) is not None


def is_personal(header: bytes) -> bool:
    """A person has written it: it may be answered (RFC 3834 §2)."""
    precedence = (first_value(header, b"Precedence") or b"").strip().lower()
    return automatic(header) == "no" and precedence not in _FROM_LISTS and first_value(header, b"List-Id") is None


def _role(to: MailingList, role: str) -> str:
    local, _, domain = to.address.rpartition("@")
    return f"{local}-{role}@{domain}"


def _first_word(draft: Draft) -> str:
    start = len(draft.facts.header)
    words = draft.spool.read(start, start + 200).split()
    return words[0].decode("ascii", "replace").lower() if words else ""


def _help(to: MailingList) -> str:
    closed = {"owners": "its owners", "named": "those whom its owners chose"}.get(to.posting)
    posting = f"Only {closed} can post to it." if closed else f"To post, write to {to.address}."
    return (
        f"This is about the list {to.address}{f' ({to.title})' if to.title else ''}.\n\n{posting}\n"
        f'To leave, write to {_role(to, "request")} with the subject "unsubscribe".\n'
        f"For anything else, write to {_role(to, 'owner')}.\n"
    )
