"""Binary mail (RFC 3030 §3) on its way into mailboxes: the parts that are no text become base64 there.

Owns: that copy of a message. Never: changes what goes on to other servers, changes an octet of what a part stands for.
Raises: Unreadable; OSError from the disk.
"""

import asyncio

from postroom.base import MailError
from postroom.message import NotEncodable, without_binary
from postroom.store import Draft, MailStore


class Unreadable(MailError):
    """Binary octets where MIME has no place for them: in a part that is encoded already, or between two parts."""

    code, enhanced, text = 554, "5.6.3", "The message holds a NUL outside of its binary parts"


async def readable(binary: Draft, store: MailStore) -> Draft:
    """The finished draft as POP3 and IMAP can show it, finished too; the caller closes it."""
    draft = store.draft()
    try:
        for piece in without_binary(binary.facts.parts, binary.size, binary.spool.read):
            draft.write(piece)
            await asyncio.sleep(0)  # it may be long, and others have their turns
    except NotEncodable as error:
        draft.close()
        raise Unreadable("a NUL outside of what can be encoded") from error
    except BaseException:
        draft.close()
        raise
    draft.finish()
    return draft
