"""The states a queued message can be in on disk; docs/queue.md is the table they are the rows of.

Owns: the enum that the crash tests run through. Never: touches a disk. Raises: nothing.
"""

import enum
from collections.abc import Callable


class DiskState(enum.Enum):
    """Where a crash can catch a message."""

    COPYING = "copying"
    STORED = "stored"
    WAITING = "waiting"
    SENDING = "sending"
    HELD = "held"
    FORGOTTEN = "forgotten"


Probe = Callable[[DiskState], None]  # told when a state is reached on disk; the crash test ends the process in it


def no_probe(state: DiskState) -> None:
    """What runs outside of crash tests."""
