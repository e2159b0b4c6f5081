"""Certificates that this server keeps itself, and what is known of each: data/tls/certificates/NAME.

Owns: those files, and the account's. Key and chain are in one file, so that they are replaced together or not at all.
Never: orders one. Raises: KeptTrouble.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography import x509

from postroom.base import FileLock
from postroom.net import CertificateFiles, names_of

from .files import make_folder, remove_file, write_secret
from .jws import new_key

_PEM, _STATE, _NEXT_KEY = "certificate.pem", "state.json", "next-key.pem"
_LABEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
_KEY_END = re.compile(rb"-----END [A-Z ]*PRIVATE KEY-----")
_KEY_BEGIN = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


class KeptTrouble(Exception):
    """The disk, or what somebody has put there; the text says which file, and has nothing of a key."""


class State(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the last orders."""

    names: tuple[str, ...] = ()  # that were ordered; none: it was imported
    directory: str = ""  # of the authority
    failures: int = 0  # since the last one that succeeded
    failure: str = ""  # in words
    failed_at: float = 0.0  # Unix seconds
    next_try: float = 0.0
    told_at: float = 0.0  # when the postmaster was told


class Account(msgspec.Struct, kw_only=True):
    """With one authority."""

    directory: str
    url: str


T = TypeVar("T", State, Account)


class Kept:
    """`folder`: data/tls."""

    def __init__(self, folder: Path) -> None:
        self._certificates = folder / "certificates"
        self.acme = folder / "acme"

    # ---- certificates

    def labels(self) -> list[str]:
        """Of all that there is something of, a failure perhaps."""
        with contextlib.suppress(OSError):
            return sorted(path.name for path in self._certificates.iterdir() if _LABEL.fullmatch(path.name))
        return []

    def files(self) -> list[CertificateFiles]:
        """Of those that there are, for net.ServerTls."""
        paths = [self._certificates / label / _PEM for label in self.labels()]
        return [CertificateFiles(path, path) for path in paths if os.path.exists(path)]  # which never raises

    def path(self, label: str) -> Path:
        """Of key and chain, which need not be there yet. Raises KeptTrouble."""
        if _LABEL.fullmatch(label) is None:
            raise KeptTrouble(f"{label!r} can't be the name of a certificate")
        return self._certificates / label / _PEM

    def certificate(self, label: str) -> x509.Certificate | None:
        """Raises KeptTrouble."""
        path = self.path(label)
        try:
            return x509.load_pem_x509_certificates(path.read_bytes())[0]
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise KeptTrouble(f"{path}: {error}") from error

    def names(self, label: str) -> tuple[str, ...]:
        """Raises KeptTrouble."""
        found = self.certificate(label)
        return names_of(found) if found is not None else ()

    def key(self, label: str) -> bytes | None:
        """PEM of the key in use. Raises KeptTrouble."""
        path = self.path(label)
        try:
            octets = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeptTrouble(f"{path}: {error.strerror}") from error
        return private_part(octets) or None

    def next_key(self, label: str, *, make: bool = False) -> bytes | None:
        """PEM of the key that takes over with the next certificate; None: there is none. Raises KeptTrouble."""
        path = self.path(label).with_name(_NEXT_KEY)
        with _told(path):
            if not path.exists():
                if not make:
                    return None
                make_folder(path.parent)
                write_secret(path, new_key())
            return path.read_bytes()

    def put(self, label: str, key: bytes, chain: bytes) -> None:
        """Both PEM. Raises KeptTrouble."""
        path = self.path(label)
        with _told(path):
            make_folder(path.parent)
            write_secret(path, private_part(key) + b"\n" + chain)
            if (prepared := self.next_key(label)) and private_part(prepared) == private_part(key):
                remove_file(path.with_name(_NEXT_KEY))

    def state(self, label: str) -> State:
        """Raises KeptTrouble."""
        return self._read(self.path(label).with_name(_STATE), State) or State()

    def put_state(self, label: str, state: State) -> None:
        """Raises KeptTrouble."""
        self._write(self.path(label).with_name(_STATE), state)

    # ---- the account

    def account_key(self) -> bytes:
        """PEM, made when there is none. Raises KeptTrouble."""
        path = self.acme / "account-key.pem"
        with _told(path):
            if not path.exists():
                make_folder(path.parent)
                write_secret(path, new_key())
            return path.read_bytes()

    def account(self, directory: str) -> str:
        """Its URL, "": none is known. Raises KeptTrouble."""
        found = self._read(self.acme / "account.json", Account)
        return found.url if found is not None and found.directory == directory else ""

    def put_account(self, account: Account) -> None:
        """Raises KeptTrouble."""
        self._write(self.acme / "account.json", account)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process orders now; while True none begins. Raises KeptTrouble."""
        with _told(self.acme):
            make_folder(self.acme)
            lock = FileLock(self.acme / "lock")
        try:
            yield lock.try_take()
        finally:
            lock.close()

    def _read(self, path: Path, kind: type[T]) -> T | None:
        with _told(path):
            try:
                return msgspec.json.decode(path.read_bytes(), type=kind)
            except FileNotFoundError:
                return None
            except msgspec.MsgspecError as error:
                raise KeptTrouble(f"{path}: {error}") from error

    def _write(self, path: Path, value: msgspec.Struct) -> None:
        with _told(path):
            make_folder(path.parent)
            write_secret(path, msgspec.json.encode(value) + b"\n")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeptTrouble(f"{error.filename or path}: {error.strerror}") from error


def private_part(pem: bytes) -> bytes:
    """The first private key in a file; b"": there is none."""
    begin, end = _KEY_BEGIN.search(pem), _KEY_END.search(pem)
    return pem[begin.start() : end.end()] if begin and end else b""


def same_names(some: Sequence[str], others: Sequence[str]) -> bool:
    """In any order and case."""
    return {name.lower() for name in some} == {name.lower() for name in others}
