"""The guard as it is built: who is exempt, which listeners ask it."""

import asyncio
from pathlib import Path

import msgspec
from tests.servers.test_turning_away import strict

from postroom.app import App, running
from postroom.config import ListenerSettings
from postroom.servers.turning_away import GuardedDoor


def test_proxies_and_known_good_networks_are_exempt_and_every_listener_asks(tmp_path: Path) -> None:
    async def main() -> None:
        settings = msgspec.structs.replace(
            strict(tmp_path, exempt_networks=("192.0.2.0/24",), failures_until_ban=1),
            listener={"smtp": ListenerSettings(proxies=("198.51.100.7",))},
        )
        async with running(App(settings)) as app:
            for address in ("192.0.2.9", "198.51.100.7", "203.0.113.1"):
                await app.guard.failed_sign_in(address, "bob")
            assert [app.guard.banned(address) is None for address in ("192.0.2.9", "198.51.100.7", "203.0.113.1")] == [
                True,
                True,
                False,
            ]
            for listener in app._listeners.values():
                assert isinstance(listener.admission, GuardedDoor)
                assert listener.admission.admit("203.0.113.1") is not None
            assert app.guard.on_stop is not None
            assert app.deliverer._settlement.bounced is not None

    asyncio.run(main())
