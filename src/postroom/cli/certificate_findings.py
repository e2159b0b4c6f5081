"""What `postroom check` finds of the server's certificates: those of the settings, and those that it keeps itself.

Owns: those questions. Never: orders or renews one. Raises: nothing.
"""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .findings import Finding, bad, good, note, readable_after_the_start, secret_file

if TYPE_CHECKING:
    from postroom.acme import Kept
    from postroom.config import Config
    from postroom.net import CertificateFiles, ServerCertificate

_DAY = 86_400
_SUBJECT = "certificate"


def certificates(config: "Config", now: float) -> Iterator[Finding]:
    """Each can be read, fits its key and is valid now; one names this server; the last orders came to a good end."""
    from postroom.acme import Kept
    from postroom.net import configured_certificates

    kept = Kept(config.data / "tls")
    configured = configured_certificates(config.tls)
    usable: list[ServerCertificate] = []
    for files in (*configured, *kept.files()):
        yield from _pair(config, files, now, usable)
    names = [one for one in usable if one.covers(config.hostname)]
    if not configured and not usable:
        yield note(
            _SUBJECT,
            "none is set: a self-signed one is made, which mail programs warn of",
            "set tls.certificate and tls.key, or acme.directory for certificates of an authority (docs/tls.md)",
        )
    elif usable and not names:
        which = ", ".join(str(one.files.certificate) for one in usable)
        text = f"{which} does not name {config.hostname}"
        yield bad(_SUBJECT, text, f"get one for {config.hostname}, or correct hostname")
    yield from _orders(config, kept)
    for path in filter(None, (config.acme.eab_key_file, config.acme.dns_key_file)):
        yield from secret_file("acme", Path(path))


def _pair(
    config: "Config", files: "CertificateFiles", now: float, usable: "list[ServerCertificate]"
) -> Iterator[Finding]:
    from postroom.net import TlsSetupError, load_certificate

    path = files.certificate
    try:
        found = load_certificate(files)
    except TlsSetupError as error:
        fix = "see that both files are PEM, readable, and belong together"
        yield bad(_SUBJECT, f"it can't be used: {error}", fix)
        return
    usable.append(found)
    if not found.not_before <= now <= found.not_after:
        text = f"{path} is valid from {_day(found.not_before)} to {_day(found.not_after)} only"
        yield bad(_SUBJECT, text, "renew it; the server takes new files by itself")
    elif found.not_after - now < config.tls.warn_before_expiry_days * _DAY:
        yield note(_SUBJECT, f"{path} ends on {_day(found.not_after)}", "renew it soon")
    else:
        yield good(_SUBJECT, f"{path} is valid until {_day(found.not_after)}")
    yield from secret_file(_SUBJECT, files.key)
    yield from readable_after_the_start(config, _SUBJECT, files.key)


def _orders(config: "Config", kept: "Kept") -> Iterator[Finding]:
    """What hinders those that the authority should make."""
    from postroom.acme import KeptTrouble

    for label in kept.labels():
        try:
            state = kept.state(label)
        except KeptTrouble as error:
            yield bad(_SUBJECT, str(error), "see who owns the file")
            continue
        if state.failures:
            text = f"{label} could not be had from the authority, {state.failures} time(s): {state.failure}"
            fix = f"mend that; the server tries again by itself, or: postroom certificate order {label}"
            yield bad(_SUBJECT, text, fix)
    kinds = {one.kind for one in config.listeners().values()}
    needed = {"http-01": "acme_http", "tls-alpn-01": "policy_host"}.get(config.acme.challenge)
    if config.acme.directory and needed and needed not in kinds:
        text = f"acme.challenge is {config.acme.challenge}, and nothing answers for it"
        port = 80 if needed == "acme_http" else 443
        yield bad(_SUBJECT, text, f'set listen.{needed} = ["0.0.0.0:{port}", "[::]:{port}"]')


def _day(moment: float) -> str:
    return f"{datetime.datetime.fromtimestamp(moment, datetime.UTC):%Y-%m-%d}"
