"""The access control list of a mailbox (RFC 4314), as a value.

Owns: how one identifier's rights are put into it. Never: knows what an identifier or a right means.
Raises: TooManyAclEntries, AclChanged.
"""

from .api import AclChanged, TooManyAclEntries
from .settings import StoreSettings

Acl = tuple[tuple[str, str], ...]  # (identifier, rights), both in order


def with_rights(acl: Acl, identifier: str, rights: str, settings: StoreSettings, held: str | None = None) -> Acl:
    """The list with these rights for `identifier`, who must have the rights `held` until then; without it when there
    are none."""
    entries = dict(acl)
    before = entries.pop(identifier, "")
    if held is not None and held != before:
        raise AclChanged(f"{identifier} has {before!r}, not {held!r}")
    if rights:
        entries[identifier] = "".join(sorted(set(rights)))
        if len(entries) > max(len(acl), settings.max_acl_entries):
            raise TooManyAclEntries(f"{len(entries)} entries")
    return tuple(sorted(entries.items()))
