"""What `postroom check` looks at where people are known, or vouched for, elsewhere: LDAP, a Python file, an issuer of
tokens.

Owns: those looks: is it there, who may read its secrets. Never: signs anybody in, makes an account. Raises: nothing;
what goes wrong is a finding.
"""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .findings import Finding, bad, good, secret_file

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.dns import Resolver

_NOBODY = "postroom-check@invalid"  # RFC 6761 §6.4: nobody's


def elsewhere(config: "Config") -> Iterator[Finding]:
    """Nothing when all people are in postroom.db and sign in by passwords."""
    directory, oauth = config.directory.kind != "embedded", config.oauth.wanted
    if directory:
        if config.ldap.bind_password_file and config.directory.kind == "ldap":
            yield from secret_file("ldap.bind_password_file", Path(config.ldap.bind_password_file))
        if config.directory.kind == "hook":
            yield from _written_by(config.directory.hook_file)
    if oauth and config.oauth.client_secret_file:
        yield from secret_file("oauth.client_secret_file", Path(config.oauth.client_secret_file))
    if directory or oauth:
        yield from asyncio.run(_ask(config, directory=directory, oauth=oauth))


def _written_by(path: str) -> Iterator[Finding]:
    """Who writes the hook's file is as mighty as the server."""
    if Path(path).exists() and os.stat(path).st_mode & (stat.S_IWOTH | stat.S_IWGRP):
        why = "its lines run in the server, with all people's passwords"
        yield bad("directory.hook_file", f"others than its owner may write {path}", f"chmod go-w {path}", why)


async def _ask(config: "Config", *, directory: bool, oauth: bool) -> list[Finding]:
    from postroom.base import SystemClock
    from postroom.dns import DnsResolver

    resolver = DnsResolver(config.dns, SystemClock())
    try:
        found = [await _directory(config, resolver)] if directory else []
        return found + ([await _issuer(config, resolver)] if oauth else [])
    finally:
        await resolver.close()


async def _directory(config: "Config", resolver: "Resolver") -> Finding:
    from postroom.base import MailError, SystemClock, SystemIds
    from postroom.directories import source
    from postroom.net import Dialer

    async def never(name: str, password: str, password_hash: str | None) -> bool:
        return False  # nobody is signed in here

    name = "LDAP" if config.directory.kind == "ldap" else config.directory.hook_file
    try:
        found = source(
            config.directory,
            config.ldap,
            config.accounts,
            resolver=resolver,
            dialer=Dialer(config.net),
            clock=SystemClock(),
            ids=SystemIds(),
            hashes=never,
        )
        assert found is not None
        try:
            await found.find(_NOBODY)
        finally:
            await found.close()
    except MailError as error:
        fix = "see docs/directories.md; people who are known there can't sign in meanwhile"
        return bad("directory", f"{name} can't be asked: {error.detail or error.text}", fix)
    return good("directory", f"{name} answers")


async def _issuer(config: "Config", resolver: "Resolver") -> Finding:
    from postroom.base import SystemClock, SystemIds
    from postroom.net import Dialer
    from postroom.signin import SecretUnreadable, issuer_tokens

    issuer = config.oauth.issuer
    try:
        tokens = issuer_tokens(config.oauth, resolver, Dialer(config.net), SystemClock(), SystemIds())
    except SecretUnreadable as error:
        return bad("oauth", error.detail or error.text, "see docs/oauth.md")
    try:
        trouble = await tokens.trouble()
    finally:
        await tokens.close()
    if trouble:
        return bad("oauth", f"tokens of {issuer} can't be checked: {trouble}", "see docs/oauth.md")
    return good("oauth", f"tokens of {issuer} can be checked")
