"""The two servers of the demo, and what may be asked about them."""

import asyncio
import ssl
from pathlib import Path

from postroom.cli.demo.world import BOB, world


def test_two_servers_with_their_own_data_and_certificates(tmp_path: Path) -> None:
    async def main() -> None:
        async with world(tmp_path) as both:
            assert both.port("alice.test", "submission") != both.port("bob.test", "submission")
            assert both.trust("alice.test").verify_mode is ssl.CERT_REQUIRED
            assert not await both.delivered_to(BOB, "anything")
            assert await both.waiting_reply() == ""
            assert both.dns_queries() == []
        assert {path.name for path in tmp_path.iterdir()} == {"alice.test", "bob.test"}

    asyncio.run(main())
