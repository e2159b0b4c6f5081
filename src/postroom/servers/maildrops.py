"""What POP3 sessions of all processes know of maildrops: who has one, and when it was last signed in to.

Owns: two files in the run folder. Never: reads mail. Raises: OSError.
"""

import os
import struct
from pathlib import Path

from postroom.base import NumberedLocks

_MOMENT = struct.Struct("<d")


class Maildrops:
    """One object a process; maildrops go by account id."""

    def __init__(self, folder: Path) -> None:
        self._locks = NumberedLocks(folder / "pop3-locks")
        self._sign_ins = _sign_ins(folder)
        self._fd = -1

    @staticmethod
    def forget_sign_ins(folder: Path) -> None:
        """At the start of a server: its monotonic clock may have begun anew."""
        _sign_ins(folder).unlink(missing_ok=True)

    @property
    def taken(self) -> frozenset[int]:
        """Those that sessions of this process have."""
        return self._locks.taken

    def take(self, account_id: int) -> bool:
        """Lock a maildrop; False when another session has it, in any process."""
        return self._locks.try_take(account_id)

    def give_back(self, account_id: int) -> None:
        """Let others have it; nothing happens when it was not taken."""
        self._locks.release(account_id)

    def last_sign_in(self, account_id: int) -> float | None:
        """The moment that was remembered last."""
        octets = os.pread(self._file(), _MOMENT.size, account_id * _MOMENT.size)
        moment: float = _MOMENT.unpack(octets)[0] if len(octets) == _MOMENT.size else 0.0
        return moment or None

    def remember_sign_in(self, account_id: int, moment: float) -> None:
        """For `last_sign_in`, in all processes."""
        os.pwrite(self._file(), _MOMENT.pack(moment), account_id * _MOMENT.size)

    def _file(self) -> int:
        """A number for each account, one after the other: most are never written, and take no room on the disk."""
        if self._fd < 0:
            self._fd = os.open(self._sign_ins, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd

    def close(self) -> None:
        """Give all back."""
        self._locks.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _sign_ins(folder: Path) -> Path:
    return folder / "pop3-sign-ins"
