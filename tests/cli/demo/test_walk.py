"""The whole demo: every step must go as it must, and a step that does not is counted."""

import asyncio
from pathlib import Path

from postroom.cli.demo.clients import DemoFailure
from postroom.cli.demo.walk import Walk
from postroom.cli.demo.world import world

TITLES = ("laptop submits", "looks up the MX", "tablet sees", "desktop", "phone", "bounce", "full mailbox", "relay")


def test_alice_sends_and_bob_reads(tmp_path: Path) -> None:
    shown: list[str] = []

    async def main() -> int:
        async with world(tmp_path) as both:
            walk = Walk(both, shown.append)
            await walk.play()
            return walk.failures

    failures = asyncio.run(main())
    text = "\n".join(shown)
    assert failures == 0, text
    assert all(title in text.lower() for title in (title.lower() for title in TITLES))
    for said in (
        "C: STARTTLS",
        "S: 550 5.1.1",
        "S: 452 4.2.2",
        "S: 550 5.7.1",
        "S: * 1 EXISTS",
        "DNS: MX bob.test",
        "UIDL",
        "DNS: TXT _dmarc.alice.test",
        "S: DKIM-Signature: v=1; a=rsa-sha256;",
        "S: DKIM-Signature: v=1; a=ed25519-sha256;",
        "S: Authentication-Results: mail.bob.test;",
        "SPF, DKIM and DMARC pass",
    ):
        assert said in text
    assert "all steps went as they must" in text


def test_a_step_that_fails_is_shown_and_counted(tmp_path: Path) -> None:
    shown: list[str] = []

    async def fails() -> None:
        raise DemoFailure("expected 250, got: 451")

    async def main() -> int:
        async with world(tmp_path) as both:
            walk = Walk(both, shown.append)
            await walk._step("A step", fails())
            return walk.failures

    assert asyncio.run(main()) == 1
    assert "FAILED: DemoFailure expected 250, got: 451" in "\n".join(shown)
