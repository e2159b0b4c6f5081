"""The URLs of CATENATE (RFC 4469): which octets of the store they name.

Owns: finding them, BADURL. Never: holds more than a piece of a message. Raises: Refused, StoreError.
"""

from collections.abc import AsyncIterator

from postroom.imap.syntax import BadSyntax
from postroom.imap.urls import MessageUrl, badurl_code, parse_url
from postroom.store.api import Account, NoSuchContent, NoSuchMailbox, View, Want

from .refusal import Refused, no
from .sections import Octets, octets_of, picked, pieces
from .session import Session


class Urls:
    """Reads what the URLs of one command name; give back with `close`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: tuple[Account, View] | None = None  # the mailbox last read from

    def close(self) -> None:
        """Give the mailbox back that was opened for reading."""
        if self._open is not None:
            account, view = self._open
            self._open = None
            account.release(view)

    async def find(self, url: bytes) -> tuple[Account, Octets]:
        """Which octets of which account a URL names. They stay readable though the message is expunged meanwhile."""
        try:
            parsed = parse_url(url, self._session.service.engine_settings)
            account, view = await self._mailbox(parsed)
        except (BadSyntax, NoSuchMailbox) as error:
            raise _bad_url(url) from error
        at = view.index(parsed.uid)
        if at < 0 or parsed.uid_validity not in (None, view.mailbox.uid_validity):
            raise _bad_url(url)
        try:
            [stored] = await account.read([view.content_ids[at]], Want.PARTS)
        except NoSuchContent as error:
            raise _bad_url(url) from error
        octets = octets_of(parsed.section, stored)
        if octets is None:
            raise _bad_url(url)
        return account, octets

    async def pieces(self, url: bytes, account: Account, octets: Octets) -> AsyncIterator[bytes]:
        """The octets, in order."""
        settings = self._session.settings
        try:
            if octets.fields is not None:
                end = min(octets.end, octets.start + settings.max_nested_header_octets)
                yield picked(octets.fields, await account.read_range(octets.content_id, octets.start, end))
                return
            async for piece in pieces(account, octets, settings.output_piece_octets):
                yield piece
        except NoSuchContent as error:
            raise _bad_url(url) from error

    async def _mailbox(self, url: MessageUrl) -> tuple[Account, View]:
        selected = self._session.selected
        if url.mailbox is None:
            if selected is None:
                raise BadSyntax("No mailbox is selected")
            await self._session.check_selected()
            return selected.account, selected.view
        place = await self._session.place(url.mailbox)
        mailbox = await place.mailbox()  # each time: a right may have gone while a literal was waited for
        if self._open is not None:
            account, view = self._open
            if account is place.account and view.mailbox.mailbox_id == mailbox.mailbox_id:
                return account, view
        self.close()
        view = await place.account.view(mailbox.mailbox_id)
        self._open = place.account, view
        return place.account, view


def _bad_url(url: bytes) -> Refused:
    return no(badurl_code(url), b"There is no such message or part")
