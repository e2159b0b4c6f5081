"""Where a mailbox name leads: to an account, and to a mailbox of it.

Owns: Place. Never: opens a mailbox. Raises: what the store raises.
"""

from dataclasses import dataclass

from postroom.store.api import Account, Mailbox


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox name, resolved; there need be no such mailbox."""

    account: Account
    name: str  # within that account

    async def mailbox(self) -> Mailbox:
        """Raises NoSuchMailbox."""
        return await self.account.mailbox(self.name)
