"""Building the guard, and joining it to listeners, delivery and those who have to hear of a stopped account.

Owns: who is exempt from bans. Never: decides anything while the server runs. Raises: GuardFailure from `build_guard`.
"""

from collections.abc import Iterable

from postroom.accounts import address_key
from postroom.base import Clock, Ids, Pokes, WorkerPlace
from postroom.config import Config
from postroom.delivery import Deliverer
from postroom.guard import Guard
from postroom.intake import StoppedAccounts
from postroom.net import Listener, Networks
from postroom.servers.turning_away import GuardedDoor


def build_guard(
    config: Config, clock: Clock, ids: Ids, place: WorkerPlace, pokes: Pokes | None, listeners: Iterable[Listener]
) -> Guard:
    """Started, and at the doors of these listeners; whoever calls closes it."""
    proxies = (network for wanted in config.listeners().values() for network in wanted.proxies)
    guard = Guard(
        config.data / "guard.db",
        config.guard,
        clock,
        ids,
        exempt=Networks([*config.guard.exempt_networks, *proxies]),
        place=place,
        pokes=pokes,
        sign_in_domain=config.accounts.sign_in_domain,
        name_key=address_key,
    )
    guard.start()
    for listener in listeners:
        if isinstance(listener.admission, GuardedDoor):
            listener.admission.guard = guard
    return guard


def join_stops(guard: Guard, deliverer: Deliverer, stopped: StoppedAccounts) -> None:
    """Bounces count, and what an account has queued waits when it is stopped."""
    deliverer.on_bounces(guard.bounced)
    guard.on_stop = stopped.stop
