"""The part of the composition root that joins certificates: those of the settings, and those from an authority.

Owns: who is told when one can't be had. Never: orders one. Raises: TlsSetupError.
"""

import logging
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from postroom.accounts import SqliteDirectory
from postroom.acme import CertificateKeeper, Kept
from postroom.app_reports import Reporting
from postroom.base import Clock, Ids, MailError, Spool
from postroom.config import Config
from postroom.dns import Resolver
from postroom.message import format_date
from postroom.net import ServerCertificates
from postroom.queue import Envelope, Queue, Recipient

_log = logging.getLogger("postroom.acme")
_NEVER = frozenset({"NEVER"})


def server_certificates(config: Config, clock: Clock) -> ServerCertificates:
    """What listeners show: those of the settings, and whatever `postroom certificate` or acme has put there."""
    folder = config.data / "tls"
    return ServerCertificates(config.tls, folder, config.hostname, clock, Kept(folder).files)


def keep_certificates(parts: Reporting) -> None:
    """Order and renew them, in one worker."""
    keeper = certificate_keeper(parts.config, parts.directory, parts.resolver, parts.queue, parts.clock, parts.ids)
    keeper.start()
    parts.closing.push_async_callback(keeper.close)


def certificate_keeper(
    config: Config, directory: SqliteDirectory, resolver: Resolver, queue: Queue | None, clock: Clock, ids: Ids
) -> CertificateKeeper:
    """`queue`: by which the postmaster is told of trouble; None: whoever calls is told."""
    settings = config.acme

    async def tell(subject: str, text: str) -> None:
        if queue is None:
            return
        domains = await directory.domains()
        to = config.accounts.postmaster or (f"postmaster@{domains[0]}" if domains else "")
        if not to:
            return
        octets = _notice(config.hostname, to, subject, text, clock.now(), ids.token())
        try:
            with Spool(Path(), memory_limit=len(octets)) as spool:
                spool.write(octets)
                await queue.enqueue(Envelope(""), [Recipient(to, _NEVER)], spool)
        except MailError as error:
            _log.error("the postmaster could not be told: %s", error)

    return CertificateKeeper(
        kept=Kept(config.data / "tls"),
        settings=settings,
        hostname=config.hostname,
        web_served=any(one.kind == "policy_host" for one in config.listeners().values()),
        domains=directory.domains,
        resolver=resolver,
        clock=clock,
        net=config.net,
        tell=tell,
    )


def _notice(hostname: str, to: str, subject: str, text: str, now: float, token: str) -> bytes:
    """A message of the server itself; nobody is to answer it (RFC 3834 §5)."""
    message = EmailMessage(SMTP)
    message["From"] = f"Postroom <postmaster@{hostname}>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_date(now)
    message["Message-ID"] = f"<{token}@{hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{text}\n\nThe server tries again by itself. `postroom certificate list` tells how it stands.\n"
    )
    return bytes(message)
