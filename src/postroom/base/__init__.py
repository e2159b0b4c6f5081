"""What every package may use and none owns: time, chance, tasks, spooled octets, errors. Knows no mail."""

from .clock import Clock, FakeClock, SystemClock
from .errors import MailError, ProtocolError
from .ids import Ids, SeededIds, SystemIds
from .spool import Spool
from .tasks import TaskOwner

__all__ = [
    "Clock",
    "FakeClock",
    "Ids",
    "MailError",
    "ProtocolError",
    "SeededIds",
    "Spool",
    "SystemClock",
    "SystemIds",
    "TaskOwner",
]
