"""The access control list of a mailbox (RFC 4314), as a value.

Owns: how one identifier's rights are put into it. Never: knows what an identifier or a right means.
Raises: TooManyAclEntries.
"""

from .api import TooManyAclEntries
from .settings import StoreSettings

Acl = tuple[tuple[str, str], ...]  # (identifier, rights), both in order


def with_rights(acl: Acl, identifier: str, rights: str, settings: StoreSettings) -> Acl:
    """The list with these rights for `identifier`; without it when there are none."""
    entries = dict(acl)
    entries.pop(identifier, None)
    if rights:
        entries[identifier] = "".join(sorted(set(rights)))
        if len(entries) > max(len(acl), settings.max_acl_entries):
            raise TooManyAclEntries(f"{len(entries)} entries")
    return tuple(sorted(entries.items()))
