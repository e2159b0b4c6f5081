"""Who is here: domains, people, addresses, aliases, credentials, quotas."""

from .addresses import address_key, domain_key
from .api import (
    AccountError,
    Alias,
    AliasTrouble,
    AlreadyThere,
    BadAddress,
    Directory,
    DirectoryFailure,
    Found,
    InUse,
    LocalTarget,
    NotLocal,
    NotThere,
    Person,
    Registry,
    RemoteTarget,
    Resolution,
    SignInBusy,
    Unknown,
)
from .directory import MemoryDirectory, SqliteDirectory
from .settings import AccountSettings

__all__ = [
    "AccountError",
    "AccountSettings",
    "Alias",
    "AliasTrouble",
    "AlreadyThere",
    "BadAddress",
    "Directory",
    "DirectoryFailure",
    "Found",
    "InUse",
    "LocalTarget",
    "MemoryDirectory",
    "NotLocal",
    "NotThere",
    "Person",
    "Registry",
    "RemoteTarget",
    "Resolution",
    "SignInBusy",
    "SqliteDirectory",
    "Unknown",
    "address_key",
    "domain_key",
]
