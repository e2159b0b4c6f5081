"""A store that makes the mail folder of a person at first use: the command line only writes the person.

Owns: that. Never: asks whether there is such a person: whoever opens an account has its number from the directory.
Raises: what the store raises.
"""

from collections.abc import Callable

from .api import Account, MailStore, NoSuchAccount


class MadeAtFirstUse:
    """A MailStore over another one."""

    def __init__(self, store: MailStore, opened: Callable[[Account], None] | None = None) -> None:
        """`opened` is told of each account that somebody opens."""
        self._store = store
        self._opened = opened
        self.draft = store.draft
        self.create_account = store.create_account
        self.delete_account = store.delete_account
        self.sharers = store.sharers
        self.close = store.close

    async def open(self, account_id: int) -> Account:
        """The account, made now if it was not."""
        try:
            account = await self._store.open(account_id)
        except NoSuchAccount:
            await self._store.create_account(account_id)
            account = await self._store.open(account_id)
        if self._opened is not None:
            self._opened(account)
        return account
