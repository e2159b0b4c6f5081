"""Which source the settings mean.

Owns: reading its secrets and files. Never: asks it anything. Raises: SourceUnusable, HookUnusable.
"""

import ssl
from pathlib import Path

from postroom.accounts import AccountSettings
from postroom.base import Clock, Ids, MailError
from postroom.dns import Resolver
from postroom.net import Dialer, client_context

from .hook_source import HookSource
from .ldap_places import ldap_place
from .ldap_pool import LdapServers
from .ldap_source import HashCheck, LdapSource
from .remembering import RememberingSource
from .settings import DirectorySettings, LdapSettings
from .types import Source


class SourceUnusable(MailError):
    """A file that the settings name can't be used; the text says why."""


def source(
    settings: DirectorySettings,
    ldap: LdapSettings,
    accounts: AccountSettings,
    *,
    resolver: Resolver,
    dialer: Dialer,
    clock: Clock,
    ids: Ids,
    hashes: HashCheck,
) -> Source | None:
    """What `[directory]` says; None: postroom.db knows everybody."""
    if settings.kind == "embedded":
        return None
    if settings.kind == "hook":
        found: Source = HookSource(settings, accounts.sign_in_domain)
    else:
        context = _context(ldap.authorities)
        places = [ldap_place(url) for url in ldap.urls]
        found = LdapSource(
            LdapServers(places, ldap, resolver, dialer, lambda: context, clock),
            ldap,
            clock,
            bind_password=_secret(ldap.bind_password_file) if ldap.bind_password_file else "",
            sign_in_domain=accounts.sign_in_domain,
            max_waiting=settings.max_waiting,
            hashes=hashes,
        )
    return RememberingSource(found, settings, clock, ids)


def _context(authorities: str) -> ssl.SSLContext:
    try:
        return client_context(verify=True, cafile=Path(authorities) if authorities else None)
    except (OSError, ssl.SSLError) as error:
        text = f"ldap.authorities: {authorities}: {error}"
        raise SourceUnusable(text, text=text) from error


def _secret(path: str) -> str:
    try:
        secret = Path(path).read_text("utf-8").rstrip("\r\n")
        if not secret or not secret.isprintable():
            raise ValueError("it should hold the password on one line")
    except (OSError, ValueError) as error:  # ValueError also when it is not UTF-8
        text = f"ldap.bind_password_file: {path}: {error}"
        raise SourceUnusable(text, text=text) from error
    return secret
