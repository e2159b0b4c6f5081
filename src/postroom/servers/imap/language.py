"""LANGUAGE (RFC 5255 §3): in which language texts for people are.

Owns: the command, the languages. Never: translates: all texts are English, which is what "i-default" stands for too
(RFC 2277 §4.5). Raises: Refused.
"""

from postroom.imap.language import DEFAULT, Language, chosen
from postroom.imap.types import Bare

from .mailboxes import namespace
from .refusal import Refused
from .session import Session

LANGUAGES = (b"en", DEFAULT)
_PREFERRED = b"en"


async def language(session: Session, command: Language) -> bytes:
    """Without ranges the list of languages, else a change to the first that one of the ranges means."""
    if not command.ranges:
        session.send(b"* LANGUAGE (%b)\r\n" % b" ".join(LANGUAGES))
        return b"OK Supported languages have been enumerated"
    found = chosen(command.ranges, LANGUAGES, _PREFERRED)
    if found is None:
        raise Refused(b"NO Unsupported language")
    changed, session.language = found != session.language, found
    session.send(b"* LANGUAGE (%b)\r\n" % found)
    if changed and session.signed_in is not None:  # RFC 5255 §3.2, §3.4; there is nothing to translate in ours
        await namespace(session, Bare(b"NAMESPACE"))
    return b"OK Now speaking English"
