"""What every package may use and none owns: time, chance, tasks, spooled octets, errors, what several processes of one
server share. Knows no mail."""

from .board import Board, Rows, Section
from .clock import Clock, FakeClock, SystemClock
from .errors import MailError, ProtocolError, SettingError
from .ids import Ids, SeededIds, SystemIds
from .locks import FileLock, NumberedLocks
from .place import ALONE, WorkerPlace
from .pokes import Pokes
from .spool import Spool
from .tasks import TaskOwner

__all__ = [
    "ALONE",
    "Board",
    "Clock",
    "FakeClock",
    "FileLock",
    "Ids",
    "MailError",
    "NumberedLocks",
    "Pokes",
    "ProtocolError",
    "Rows",
    "Section",
    "SeededIds",
    "SettingError",
    "Spool",
    "SystemClock",
    "SystemIds",
    "TaskOwner",
    "WorkerPlace",
]
