"""The certificates of a running server: which files they are in by the settings, watched and told of.

Owns: what the log says of them. Never: gets one (acme does). Raises: TlsSetupError.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from postroom.base import Clock

from .api import TlsSetupError
from .client_certificates import ClientCertificates
from .self_signed import self_signed
from .server_certificate import CertificateFiles
from .settings import TlsSettings
from .tls import ServerTls

_log = logging.getLogger("postroom.net")
_DAY = 86_400.0


def configured_certificates(settings: TlsSettings) -> list[CertificateFiles]:
    """The pairs that the settings name, that for clients that name no host first when there is one."""
    found = [CertificateFiles(Path(settings.certificate), Path(settings.key or settings.certificate))]
    found = found if settings.certificate else []
    for one in settings.certificates.values():
        found.append(CertificateFiles(Path(one.certificate), Path(one.key or one.certificate)))
    return found


class ServerCertificates:
    """`tls` is for the listeners; `more`: pairs that come and go (those of acme)."""

    def __init__(
        self,
        settings: TlsSettings,
        folder: Path,
        hostname: str,
        clock: Clock,
        more: Callable[[], Sequence[CertificateFiles]] = tuple,
    ) -> None:
        self._settings = settings
        self._clock = clock
        rest = configured_certificates(settings)
        if settings.certificate:
            first = rest.pop(0)
        else:
            first = CertificateFiles(*self_signed(folder, hostname, settings.self_signed_days, clock.now()))
        clients = None
        if settings.client_authorities:
            clients = ClientCertificates(Path(settings.client_authorities), settings.client_names)
        self.tls = ServerTls(
            first.certificate,
            first.key,
            more=lambda: (*rest, *more()),
            hostname=hostname,
            profile=settings.profile,
            clients=clients,
        )
        for words in self.tls.troubles.values():
            _log.error("certificate left out: %s", words)
        self._told_at: float | None = None  # of what should worry somebody

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.warn()
            await self._clock.sleep(self._settings.reload_interval_seconds)
            self.reload()

    def reload(self) -> None:
        """Take changed files for new connections; what can't be used is logged, and the old stays."""
        try:
            if self.tls.reload_if_changed():
                paths = [str(one.files.certificate) for one in self.tls.certificates]
                _log.info("certificate reloaded; in use: %s", ", ".join(paths))
        except TlsSetupError as error:
            _log.error("certificate not reloaded: %s", error)

    def warn(self) -> None:
        """Tell, once a day, of what ends soon or can't be loaded."""
        now = self._clock.now()
        if self._told_at is not None and now - self._told_at < _DAY:
            return
        first, self._told_at = self._told_at is None, now
        for one in self.tls.certificates:
            days = (one.not_after - now) / _DAY
            if days < self._settings.warn_before_expiry_days:
                when = f"ended {-days:.1f} days ago" if days < 0 else f"ends in {days:.1f} days"
                _log.error("certificate %s %s", one.files.certificate, when)
        if not first:
            for words in self.tls.troubles.values():
                _log.error("certificate still not loaded: %s", words)
