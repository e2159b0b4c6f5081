"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, RFC 4731), and "$" (RFC 5182).

Owns: those commands; what every searching command does with its result: the response, its mod-sequence, "$". Never:
finds messages (searching.py does). Raises: Refused, StoreError, EndOfSession.
"""

from collections.abc import Iterable, Sequence

from postroom.imap import encode
from postroom.imap.contexts import FollowedSearch
from postroom.imap.search_parser import keys_within, mentions
from postroom.imap.search_returns import EVERYTHING, esearch, spoken_of
from postroom.imap.seqset import runs
from postroom.imap.types import HasFlag, InSet, ModSeq, Search, SearchKey, SearchReturn

from .candidates import Candidates
from .contexts import Context, contexts_of
from .refusal import Refused, bad, no
from .searching import Searching
from .selected import SelectedMailbox
from .session import Session

_LONG = 4096  # octets of a piece of a response


async def search(session: Session, command: Search) -> bytes:
    """SEARCH and UID SEARCH."""
    check_charset(session, command)
    check_keys(session, command.key, uid=command.uid)
    returns = returns_of(session, command.returns)
    await search_selected(session, command, returns)
    saved = b", result saved" if returns is not None and returns.save else b""
    return b"OK %bSEARCH completed%b" % (b"UID " if command.uid else b"", saved)


async def search_selected(
    session: Session, command: Search, returns: SearchReturn | None, *, mailbox: bytes = b""
) -> None:
    """Search the selected mailbox and answer; with its name as one of several mailboxes (RFC 7377)."""
    if command.refusal:
        session.mailbox.save_result(())
        raise Refused(command.refusal)
    if returns is None or not returns.update:
        await _search(session, command, returns, None, mailbox)
    else:
        async with contexts_of(session).begin(command.key, uid=command.uid, items=returns.update_items) as context:
            await _search(session, command, returns, context, mailbox)


async def _search(
    session: Session, command: Search, returns: SearchReturn | None, context: Context | None, mailbox: bytes
) -> None:
    selected = session.mailbox
    searching = Searching(session, selected)
    try:
        found = await searching.find(command.key, range(selected.count))
    except BaseException:
        if returns is not None and returns.save:  # RFC 5182 §2.1: NO makes "$" empty
            selected.save_result(())
        raise
    if returns is not None and returns.save:
        save_result(session, selected, spoken_of(returns, found))
    await answer(session, searching, command, returns, found, mailbox=mailbox)
    if context is not None:
        contexts = contexts_of(session)
        if contexts.may_follow(context, len(found)):
            contexts.follow(context, FollowedSearch(searching.uids(found)))


async def answer(
    session: Session,
    searching: Searching,
    command: Search,
    returns: SearchReturn | None,
    found: Candidates,
    *,
    mailbox: bytes = b"",
) -> None:
    """The SEARCH or ESEARCH response; one of several mailboxes has none when nothing is found (RFC 7377 §2.1)."""
    modseq = 0
    if mentions(command.key, ModSeq):
        session.enable_condstore()  # RFC 7162 §3.1
        modseq = searching.highest_modseq(spoken_of(returns, found))
    numbers = searching.uids(found) if command.uid else _numbers(found)
    if returns is None:
        await emit_pieces(session, encode.search_pieces(numbers, modseq=modseq))
    elif returns.tells and (found or not mailbox):
        pieces = esearch(
            session.tag,
            returns,
            numbers,
            uid=command.uid,
            modseq=modseq,
            scores=searching.scores(found) if returns.relevancy else (),
            mailbox=mailbox,
            uid_validity=searching.uid_validity,
        )
        await emit_pieces(session, pieces)


def returns_of(session: Session, returns: SearchReturn | None) -> SearchReturn | None:
    """What a SEARCH without RETURN tells: IMAP4rev2 has no SEARCH response (RFC 9051 §6.4.4)."""
    return EVERYTHING if returns is None and b"IMAP4REV2" in session.enabled else returns


def check_charset(session: Session, command: Search) -> None:
    """After ENABLE UTF8=ACCEPT a charset is one too many (RFC 6855 §3); IMAP4rev2 alone allows it (RFC 9051 §6.4.4)."""
    if command.charset is not None and b"UTF8=ACCEPT" in session.enabled:
        raise bad(b"No charset after ENABLE UTF8=ACCEPT: text is UTF-8")


def check_needed_charset(session: Session, charset: bytes) -> None:
    """The same where there must be one: it is UTF-8 then (RFC 6855 §3 with its erratum 4029)."""
    if charset != b"UTF-8" and b"UTF8=ACCEPT" in session.enabled:
        raise bad(b"The charset is UTF-8 after ENABLE UTF8=ACCEPT")


def check_keys(session: Session, key: SearchKey, *, uid: bool) -> None:
    """Keys that this client has given up by what it enabled.

    While message numbers are used, they stay what they are: no EXPUNGE comes (RFC 7162 §3.2.10.2).
    With UIDONLY message numbers anywhere (RFC 9586 §3), with IMAP4rev2 NEW, OLD and RECENT (RFC 9051 Appendix E, 12).
    """
    session.names_numbers = uid and any(map(_is_numbers, keys_within(key)))
    if b"UIDONLY" in session.enabled and (not uid or session.names_numbers):
        raise bad(b"Only UIDs name messages now", b"UIDREQUIRED")
    if b"IMAP4REV2" in session.enabled and any(map(_is_recent, keys_within(key))):
        raise bad(b"Unknown search key")


def _is_numbers(key: SearchKey) -> bool:
    return isinstance(key, InSet) and not key.uid and bool(key.seqset.ranges)


def _is_recent(key: SearchKey) -> bool:
    return isinstance(key, HasFlag) and key.flag == "\\Recent"


def save_result(session: Session, selected: SelectedMailbox, found: Iterable[int]) -> None:
    """Make "$" stand for these positions; NO [NOTSAVED] when that is too much to keep (RFC 5182 §2.5)."""
    spans: list[tuple[int, int]] = []
    for first, last in runs(found if isinstance(found, range) else sorted(found)):
        spans.append((first, last + 1))
        if len(spans) > session.settings.max_saved_result_ranges:
            selected.save_result(())
            raise no(b"NOTSAVED", b"The result has too many parts to be saved")
    selected.save_result(spans)


def _numbers(found: Candidates) -> Sequence[int]:
    if isinstance(found, range):
        return range(found.start + 1, found.stop + 1)
    return [at + 1 for at in found]


async def emit_pieces(session: Session, pieces: Iterable[bytes]) -> None:
    """A response of any length; others have their turn in between."""
    waiting = False
    for piece in pieces:
        if waiting:
            await session.breathe()
        await session.emit(piece)
        waiting = len(piece) > _LONG
