"""Keys on the disk: data/dkim/keys.json says what there is, each private key has a file beside it.

Owns: the folder (0700), its files (0600), the order in which they are written. Never: says which key signs, shows a
private key in an error or a log. Raises: KeyTrouble. Everything here blocks.

A change is made under a lock that other processes keep to. New private keys are durable before keys.json names them,
and keys.json is durable without them before old ones are removed: whenever power fails, every key that is named is
there. What was left over is removed at the next change. Root, who runs the command line, gives what it writes to the
owner of the data folder; names are looked up below an open folder, never through links that its owner may have made.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from .types import KeyTrouble, State

FOLDER = "dkim"  # below the data folder
_STATE = "keys.json"
_KEY_SUFFIX, _NEW_SUFFIX = ".pem", ".new"
_MAX_NAME_OCTETS = 200
_MAX_STATE_OCTETS = 64 << 20
_MAX_KEY_OCTETS = 65_536

Probe = Callable[[str], None]
Stamp = tuple[int, int, int] | None


class Change(NamedTuple):
    """What a change comes to."""

    state: State
    add: Mapping[str, bytes] = {}  # private keys, by the names of their files
    remove: tuple[str, ...] = ()


def file_name(domain: str, selector: str) -> str:
    """Of a private key; a long domain is told by its digest."""
    shown = domain if len(domain) <= _MAX_NAME_OCTETS else hashlib.sha256(domain.encode()).hexdigest()
    return f"{shown}_{selector}{_KEY_SUFFIX}"


class KeyFolder:
    """`data`: the data folder. `probe` is called before each step on the disk; tests die there."""

    def __init__(self, data: Path, probe: Probe = lambda step: None) -> None:
        self._data = data
        self._path = data / FOLDER
        self._probe = probe

    # ---- reading

    def stamp(self) -> Stamp:
        """Different when the state has changed; None: there is none. Cheap: one look at the folder."""
        try:
            found = os.stat(self._path / _STATE)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def read(self) -> State:
        """Raises KeyTrouble."""
        try:
            with self._opened() as folder:
                return State() if folder is None else self._state(folder)
        except OSError as error:
            raise _trouble(error) from error

    def private_key(self, name: str) -> bytes:
        """The file of a key. Raises KeyTrouble."""
        try:
            with self._opened() as folder:
                if folder is None:
                    raise KeyTrouble(f"{self._path} is not there")
                return _read(folder, name, _MAX_KEY_OCTETS)
        except OSError as error:
            raise _trouble(error) from error

    def exposed(self) -> list[str]:
        """Files that others than their owner may read. Raises KeyTrouble."""
        try:
            with self._opened() as folder:
                names = sorted(os.listdir(folder)) if folder is not None else []
                return [
                    name
                    for name in names
                    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
                ]
        except OSError as error:
            raise _trouble(error) from error

    def _state(self, folder: int) -> State:
        try:
            octets = _read(folder, _STATE, _MAX_STATE_OCTETS)
        except FileNotFoundError:
            return State()
        try:
            return msgspec.json.decode(octets, type=State)
        except msgspec.MsgspecError as error:
            raise KeyTrouble(f"{self._path / _STATE}: {error}") from error

    # ---- changing

    def change(self, work: Callable[[State], Change | None]) -> State:
        """Do `work` with the state as it is, alone; None: nothing changes. The state after it. Raises KeyTrouble and
        what `work` raises."""
        try:
            self._make()
            with self._opened() as folder:
                if folder is None:
                    raise KeyTrouble(f"{self._path} is not there")
                fcntl.flock(folder, fcntl.LOCK_EX)  # free again when the folder is closed
                state = self._state(folder)
                made = work(state)
                if made is None:
                    return state
                self._commit(folder, made)
                return made.state
        except OSError as error:
            raise _trouble(error) from error

    def _commit(self, folder: int, made: Change) -> None:
        for name, octets in made.add.items():
            self._write(folder, name, octets)
        self._sync(folder)
        self._write(folder, _STATE, msgspec.json.format(msgspec.json.encode(made.state), indent=1))
        self._sync(folder)
        for name in made.remove:
            self._probe(f"remove {name}")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        self._sweep(folder, made.state)
        self._sync(folder)

    def _write(self, folder: int, name: str, octets: bytes) -> None:
        temporary = name + _NEW_SUFFIX
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)  # of one that died
        self._probe(f"create {name}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(octets)
            file.flush()
            self._give(file.fileno())
            self._probe(f"sync {name}")
            os.fsync(file.fileno())
        self._probe(f"rename {name}")
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)

    def _sync(self, folder: int) -> None:
        self._probe("sync the folder")
        os.fsync(folder)

    def _sweep(self, folder: int, state: State) -> None:
        """Remove what an interrupted change has left."""
        named = {key.file for sets in state.domains.values() for one in sets for key in one.keys if not one.revoked}
        for name in os.listdir(folder):
            if name.endswith(_NEW_SUFFIX) or (name.endswith(_KEY_SUFFIX) and name not in named):
                self._probe(f"sweep {name}")
                os.unlink(name, dir_fd=folder)

    # ---- the folder

    def _make(self) -> None:
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._path, 0o700)
        with self._opened() as folder:
            if folder is None:
                raise KeyTrouble(f"{self._path} is not there")
            if os.fstat(folder).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                os.fchmod(folder, 0o700)
            self._give(folder)

    @contextmanager
    def _opened(self) -> Iterator[int | None]:
        """None: there is no such folder."""
        try:
            folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            yield folder
        finally:
            os.close(folder)

    def _give(self, descriptor: int) -> None:
        """What root has made belongs to the owner of the data folder, whom the server becomes."""
        if os.geteuid() != 0:
            return
        owner = os.stat(self._data)
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _read(folder: int, name: str, limit: int) -> bytes:
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:
        octets = file.read(limit + 1)
    if len(octets) > limit:
        raise KeyTrouble(f"{name} has more than {limit} octets")
    return octets


def _trouble(error: OSError) -> KeyTrouble:
    return KeyTrouble(f"{error.filename or FOLDER}: {error.strerror or error}")
