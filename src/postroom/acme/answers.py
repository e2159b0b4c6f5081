"""Answers to challenges that wait to be looked at, in files: whichever worker is asked can give them.

Owns: data/tls/acme/answers. Never: makes a proof, serves one. Raises: OSError from what writes.
"""

import os
import re
import ssl
from collections.abc import Sequence
from pathlib import Path

from .challenges import ALPN_PROTOCOL, BadToken, check_token
from .files import make_folder, remove_file, write_secret

_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_MOST_OCTETS = 1024


class Answers:
    """`folder`: of this server's ACME files."""

    def __init__(self, folder: Path) -> None:
        self._http = folder / "answers" / "http-01"
        self._alpn = folder / "answers" / "tls-alpn-01"

    def put_http(self, token: str, authorization: str) -> None:
        """Raises BadToken, OSError."""
        make_folder(self._http)
        write_secret(self._http / check_token(token), authorization.encode("ascii"))

    def http(self, token: str) -> bytes | None:
        """What is to be said to whoever asks for that token, which may be anything."""
        try:
            return (self._http / check_token(token)).read_bytes()[:_MOST_OCTETS]
        except (OSError, BadToken):
            return None

    def put_alpn(self, name: str, pem: bytes) -> None:
        """Key and certificate. Raises OSError."""
        make_folder(self._alpn)
        write_secret(self._alpn / _checked(name), pem)

    def remove(self, name_or_token: str) -> None:
        """Nobody is to look any more."""
        for folder in (self._http, self._alpn):
            remove_file(folder / name_or_token)

    # ---- net.HelloReader, for tls-alpn-01

    @property
    def wanted(self) -> bool:
        """Whether there is anything to choose by what a client says first."""
        try:
            with os.scandir(self._alpn) as entries:
                return any(True for _ in entries)
        except OSError:
            return False

    def context(self, name: str, protocols: Sequence[str]) -> ssl.SSLContext | None:
        """For an authority that looks (RFC 8737 §3); None: it is somebody else, or asks for another name."""
        if list(protocols) != [ALPN_PROTOCOL] or _NAME.fullmatch(name.lower()) is None:
            return None
        path = self._alpn / name.lower()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8737 §4
        context.set_alpn_protocols([ALPN_PROTOCOL])
        try:
            context.load_cert_chain(path)
        except OSError:  # ssl.SSLError too
            return None
        return context


def _checked(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no host name")
    return name
