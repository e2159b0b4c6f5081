"""Our certificates on all listeners: which is shown for which name, taken anew when their files change.

Owns: the contexts that listeners greet with, the choice by SNI (RFC 6066 §3). Never: decides who must use TLS, gets a
certificate. Raises: TlsSetupError.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from .api import TlsSetupError
from .client_certificates import ClientCertificates
from .server_certificate import CertificateFiles, ServerCertificate, by_name, load_certificate
from .tls_profile import front_context

ClientMode = Literal["off", "ask", "need"]


class ServerTls:
    """`reload_if_changed` takes new files for connections to come; those that are open keep what they were shown.

    The pair given first is for clients that name no host, or none that is known; `more` gives other pairs, asked again
    at each look. If the first is self-signed and another names `hostname`, that one is for them. A listener's context
    has no certificate of its own: it is chosen in the handshake.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        *,
        more: Callable[[], Sequence[CertificateFiles]] = tuple,
        hostname: str = "",
        profile: str = "intermediate",
        clients: ClientCertificates | None = None,
    ) -> None:
        self._first = CertificateFiles(certificate, key)
        self._more = more
        self._hostname = hostname
        self._profile = profile
        self._clients = clients
        self._authorities: tuple[int, ...] = ()
        self._fronts: dict[tuple[str, ClientMode], ssl.SSLContext] = {}
        self._loaded: dict[CertificateFiles, ServerCertificate] = {}
        self._tried: dict[CertificateFiles, tuple[int, ...] | None] = {}
        self.troubles: dict[CertificateFiles, str] = {}  # pairs that can't be used as they are now, and why
        self.context = self.front()
        self._look()
        if self._first in self.troubles:
            raise TlsSetupError(self.troubles[self._first])

    @property
    def certificate(self) -> Path:
        """The file of the certificate for clients that name no host."""
        return self._default.files.certificate

    @property
    def key(self) -> Path:
        """The file of its key."""
        return self._default.files.key

    @property
    def certificates(self) -> tuple[ServerCertificate, ...]:
        """All that are in use, the one for clients that name no host first."""
        rest = (one for one in self._loaded.values() if one is not self._default)
        return (self._default, *rest)

    def front(self, profile: str = "", clients: ClientMode = "off") -> ssl.SSLContext:
        """For a listener, or STARTTLS there. Raises TlsSetupError: clients are asked, and there are no authorities."""
        wanted = (profile or self._profile, clients)
        if wanted not in self._fronts:
            context = front_context(wanted[0])
            context.sni_callback = self._choose
            if clients != "off":
                if self._clients is None:
                    raise TlsSetupError("client certificates are asked for, and tls.client_authorities is not set")
                self._clients.ask(context, need=clients == "need")
            self._fronts[wanted] = context
        return self._fronts[wanted]

    def _choose(self, tls: ssl.SSLObject, name: str | None, front: ssl.SSLContext) -> None:
        """Called in every handshake, without a name too; what stays of the listener's context: tls_profile."""
        tls.context = self.chosen(name or "").context

    def chosen(self, name: str) -> ServerCertificate:
        """Which certificate a client is shown that asks for `name`."""
        name = name.lower().removesuffix(".")
        names = self._names
        return names.get(name) or names.get("*." + name.partition(".")[2]) or self._default

    def reload_if_changed(self) -> bool:
        """True when new files were loaded, or some are no longer there to be used.

        What can't be used is in `troubles`, and TlsSetupError says once what is new among that; the certificate that
        was read from the same files before stays in use, and the good ones are taken all the same.
        """
        before, known = dict(self._loaded), dict(self.troubles)
        self._look()
        if news := [words for files, words in self.troubles.items() if known.get(files) != words]:
            raise TlsSetupError("; ".join(news))
        return before != self._loaded

    def _look(self) -> None:
        if self._clients is not None:
            self._look_at_authorities(self._clients)
        wanted = tuple(dict.fromkeys((self._first, *self._more())))
        for files in wanted:
            self._try(files)
        for gone in self._loaded.keys() - set(wanted):
            del self._loaded[gone]
        for gone in self._tried.keys() - set(wanted):
            del self._tried[gone]
            self.troubles.pop(gone, None)
        if self._loaded:
            self._names: Mapping[str, ServerCertificate] = by_name(list(self._loaded.values()))
            self._default = self._choose_default()

    def _try(self, files: CertificateFiles) -> None:
        stamp = None
        try:
            stamp = files.stamp()
            if self._tried.get(files, ()) == stamp:
                return
            self._loaded[files] = load_certificate(files, self._clients)
            self.troubles.pop(files, None)
        except TlsSetupError as error:
            self.troubles[files] = str(error)
        self._tried[files] = stamp

    def _choose_default(self) -> ServerCertificate:
        first = self._loaded.get(self._first) or next(iter(self._loaded.values()))
        better = self._names.get(self._hostname.lower())
        return better if first.self_signed and better is not None and not better.self_signed else first

    def _look_at_authorities(self, clients: ClientCertificates) -> None:
        file = CertificateFiles(clients.authorities, clients.authorities)
        try:
            stamp = file.stamp()
            if self._authorities == stamp:
                return
            for (_, mode), context in self._fronts.items():
                if mode != "off":
                    clients.ask(context, need=mode == "need")
        except TlsSetupError as error:
            self.troubles[file] = str(error)
            return
        self.troubles.pop(file, None)
        self._authorities = stamp
        self._tried.clear()  # each certificate's context has its own copy of them


def client_context(*, verify: bool, cafile: Path | None = None, check_name: bool = True) -> ssl.SSLContext:
    """For outgoing connections. `verify=False` is opportunistic TLS: it protects from listeners, not from impostors.

    `check_name=False`: who asks looks at the names of the certificate itself.
    """
    if verify:
        context = ssl.create_default_context(cafile=str(cafile) if cafile else None)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the system's authorities take 30 ms to load
    context.hostname_checks_common_name = False  # RFC 9525 §6.1
    if not (verify and check_name):
        context.check_hostname = False
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    return context
