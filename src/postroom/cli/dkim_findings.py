"""What `postroom check` looks at in the DKIM keys: are they there, private and usable, and is a step due?

Owns: those looks. Never: changes keys (postroom dkim does), asks the DNS. Raises: nothing; trouble is a finding.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .findings import Finding, bad, good, note

if TYPE_CHECKING:
    from postroom.config import Config
    from postroom.signing import KeySets


def dkim_keys(config: "Config", domains: Sequence[str], now: float) -> Iterator[Finding]:
    """The folder, then each domain."""
    from postroom.base import SystemClock
    from postroom.signing import KeyFolder, KeyTrouble, Signing

    folder = KeyFolder(config.data)
    try:
        exposed = folder.exposed()
        state = folder.read()
    except KeyTrouble as error:
        yield bad("dkim", f"the DKIM keys can't be read: {error}", "restore the folder from a backup of it")
        return
    if exposed:
        names = ", ".join(exposed[:5])
        yield bad(
            "dkim", f"others may read DKIM keys: {names}", f"chmod go= {config.data / 'dkim'}/*; then rotate them"
        )
    signing = Signing(folder, config.signing, SystemClock())
    for domain in domains:
        sets = state.domains.get(domain, ())
        if not sets:
            text = f"{domain} has no DKIM keys: its mail is not signed, and much of it is taken for junk"
            yield note("dkim", text, f"postroom dkim rotate {domain}")
        elif config.signing.sign and domain not in config.signing.not_domains:
            yield from _domain(config, domain, sets, len(signing.keys(domain)), now)


def _domain(config: "Config", domain: str, sets: "KeySets", usable: int, now: float) -> Iterator[Finding]:
    from postroom.signing import retire_due, signing_set, waiting_set

    settings = config.signing
    one = signing_set(sets, now)
    if one is None:
        yield note("dkim", f"{domain}: no DKIM key signs yet", f"postroom dkim rotate {domain} --now")
    elif usable < len(one.keys):
        text = f"{domain}: {len(one.keys) - usable} of the DKIM keys {one.name} can't be used"
        yield bad("dkim", text, f"postroom dkim rotate {domain} makes new ones")
    else:
        yield good("dkim", f"the keys {one.name} sign for {domain}")
    waiting = waiting_set(sets, now)
    if waiting is not None and waiting.use_from is None:
        text = f"{domain}: the DKIM keys {waiting.name} wait until their records are in the DNS"
        yield note("dkim", text, f"publish what postroom dkim records {domain} prints")
    due = [
        each.name
        for each in sets
        if (moment := retire_due(each, sets, now, overlap=settings.overlap_seconds, revoked=settings.revoked_seconds))
        is not None
        and moment <= now
    ]
    if due:
        yield note(
            "dkim", f"{domain}: the time of the DKIM keys {', '.join(due)} is over", f"postroom dkim retire {domain}"
        )
