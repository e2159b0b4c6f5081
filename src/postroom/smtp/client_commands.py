"""MAIL and RCPT as this server understands them, and what can't be said to it.

Owns: the parameters of extensions, xtext; why a transaction is refused before a command of it is sent. Never: sends.
Raises: nothing.
"""

import re

from .client_reply import Extensions, ServerReply, local_reply
from .client_types import SendMail, SendTo
from .delivery_wishes import By

_NOT_IN_COMMAND = re.compile(r"[\x00-\x1f\x7f]")  # would end the line or the string at the other side
_ORCPT = re.compile(r"[!-~]+")
_ORCPT_UTF8 = re.compile(r"utf-8;[!-~\x80-\U0010ffff]+", re.IGNORECASE)
_NOT_ASCII = re.compile(r"[^\0-\x7f]")
_NOTIFY = frozenset({"NEVER", "SUCCESS", "FAILURE", "DELAY"})  # RFC 3461 §4.1: nothing else goes into a command
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")  # RFC 3461 §4


def mail_command(mail: SendMail, offered: Extensions, *, signed_in: bool) -> bytes:
    """MAIL with the parameters that the server knows."""
    line = b"MAIL FROM:<%b>" % mail.mail_from.encode()
    if "SIZE" in offered and mail.size:
        line += b" SIZE=%d" % mail.size  # RFC 1870 §6.1
    if mail.binary:
        line += b" BODY=BINARYMIME"  # RFC 3030 §3
    elif mail.body_8bit and "8BITMIME" in offered:
        line += b" BODY=8BITMIME"  # RFC 6152 §3
    if signed_in:
        line += b" AUTH=<>"  # RFC 4954 §5: who submitted it to us is not for the next server to trust
    if mail.smtputf8 and "SMTPUTF8" in offered:
        line += b" SMTPUTF8"  # RFC 6531 §3.4
    if mail.require_tls and "REQUIRETLS" in offered:
        line += b" REQUIRETLS"  # RFC 8689 §4.2.1
    if mail.deliver_by is not None and "DELIVERBY" in offered:
        line += b" BY=" + _by(mail.deliver_by)  # RFC 2852 §4.1.4
    if mail.priority and "MT-PRIORITY" in offered:
        line += b" MT-PRIORITY=%d" % mail.priority  # RFC 6710 §4.1
    if "DSN" in offered:  # RFC 3461 §5.2.1, §5.2.2
        if mail.ret is not None:
            line += b" RET=" + mail.ret.encode("ascii")
        if mail.envid is not None:
            line += b" ENVID=" + xtext(mail.envid.encode())
    return line


def _by(by: By) -> bytes:
    return b"%d;%b%b" % (by.seconds, b"N" if by.notify_only else b"R", b"T" if by.trace else b"")


def rcpt_command(recipient: SendTo, mail: SendMail, offered: Extensions) -> bytes:
    """RCPT with the parameters that the server knows."""
    line = b"RCPT TO:<%b>" % recipient.address.encode()
    if "DSN" in offered:
        if notify := sorted(_NOTIFY.intersection(recipient.notify or ())):
            line += b" NOTIFY=" + ",".join(notify).encode("ascii")
        if recipient.orcpt is not None and (orcpt := _orcpt(recipient.orcpt, mail.smtputf8)) is not None:
            line += b" ORCPT=" + orcpt.encode()
    return line


def _orcpt(orcpt: str, smtputf8: bool) -> str | None:
    """RFC 6533 §3: UTF-8 as such only in a transaction with SMTPUTF8, as utf-8-addr-xtext in others."""
    if _ORCPT.fullmatch(orcpt):
        return orcpt
    if not _ORCPT_UTF8.fullmatch(orcpt):
        return None
    return orcpt if smtputf8 else _NOT_ASCII.sub(lambda found: f"\\x{{{ord(found[0]):X}}}", orcpt)


def by_chunks(mail: SendMail, offered: Extensions, chunk_over: float) -> bool:
    """Is the content sent with BDAT (RFC 3030 §2), not DATA?

    What is binary has no other way. For the rest DATA costs no more round trips, and is what every server does every
    day; but a message of several chunks that is refused half-way (a full disk) is known to be so without sending the
    other half, and leaves a connection that can be used. That is worth it where chunks need not wait for each other.
    """
    if mail.binary:
        return True
    return mail.size > chunk_over and "CHUNKING" in offered and "PIPELINING" in offered


def unacceptable(mail: SendMail, offered: Extensions) -> ServerReply | None:
    """Why this server can't take the message at all."""
    if mail.smtputf8 and "SMTPUTF8" not in offered:
        return local_reply(550, "5.6.7", "The server can't take internationalized mail")  # RFC 6531 §3.5
    if mail.binary and not ("BINARYMIME" in offered and "CHUNKING" in offered):
        return local_reply(554, "5.6.3", "The server can't take binary mail")  # RFC 3030 §3
    if mail.body_8bit and not mail.binary and "8BITMIME" not in offered:
        return local_reply(554, "5.6.3", "The server can't take 8-bit mail")  # RFC 6152 §3
    limit = offered.max_size
    if limit and mail.size > limit:
        return local_reply(552, "5.3.4", f"The server takes {limit} octets, the message has {mail.size}")
    for text in (mail.mail_from, mail.envid or "", mail.ret or ""):
        if (refusal := unsendable(text, mail)) is not None:
            return refusal
    return None


def unsendable(address: str, mail: SendMail) -> ServerReply | None:
    """Why this can't stand in a command of this transaction."""
    if _NOT_IN_COMMAND.search(address):
        return local_reply(553, "5.1.3", "Impossible characters in the address")
    if not mail.smtputf8 and not address.isascii():
        return local_reply(553, "5.6.7", "The address is not ASCII and the server can't take it")
    return None


def xtext(octets: bytes) -> bytes:
    """RFC 3461 §4: printable ASCII but "+" and "=", the rest as +HH."""
    return _NOT_XTEXT.sub(lambda match: b"+%02X" % match[0][0], octets)
