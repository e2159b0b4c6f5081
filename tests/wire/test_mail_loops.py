"""Mail that is forwarded back to where it was: it ends, with one report, never in a circle."""

import asyncio
from pathlib import Path

from tests.wire.two_servers import two_servers

from postroom.journal import stories

ALICE, BERT = "alice@a.test", "bert@b.test"


def test_mail_that_comes_back_is_not_forwarded_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with two_servers(tmp_path) as pair:
            a, b = (pair.apps[name].directory for name in ("a.test", "b.test"))
            await a.set_alias("round@a.test", ("round@b.test",))
            await b.set_alias("round@b.test", ("round@a.test",))
            await pair.queue("b.test", BERT, "round@a.test")
            await pair.until_quiet()
            (report,) = await pair.messages(BERT)
            assert "5.4.6" in report
            assert "loop" in report
            assert await pair.messages(ALICE) == []
            # the same with a copy kept at each: each has one
            await a.set_alias("both@a.test", (ALICE, "both@b.test"))
            await b.set_alias("both@b.test", (BERT, "both@a.test"))
            await pair.send("a.test", ALICE, "both@a.test")
            await pair.until_quiet()
            first, second = await pair.messages(ALICE)
            assert ["Subject: x" in first, "5.4.6" in second] == [True, True]  # the copy, then the report
            assert len(await pair.messages(BERT)) == 2
            assert "Delivered-To: both@a.test" in (await pair.messages(BERT))[1]

    asyncio.run(main())


def test_two_postmasters_that_forward_to_each_other_do_not_report_for_ever(tmp_path: Path) -> None:
    """Bug: a report that could not be delivered went round, and made a new one each time."""

    async def main() -> None:
        async with two_servers(tmp_path) as pair:
            for own, other in (("a.test", "b.test"), ("b.test", "a.test")):
                await pair.apps[own].directory.set_alias(f"postmaster@{own}", (f"postmaster@{other}",))
            await pair.queue("a.test", "gone@b.test", "gone@b.test")
            await pair.until_quiet()
            assert await pair.messages(ALICE) == await pair.messages(BERT) == []

    asyncio.run(main())
    told = [story for name in ("a.test", "b.test") for story in stories(tmp_path / name / "journal", "postmaster", 100)]
    assert len(told) <= 4


def test_a_report_on_forwarded_mail_finds_its_way_back(tmp_path: Path) -> None:
    """b writes to a, who forwards to an address of b that does not exist: b's report to a goes on to who wrote."""

    async def main() -> None:
        async with two_servers(tmp_path) as pair:
            await pair.apps["a.test"].directory.set_forwarding(ALICE, ("gone@b.test",), keep=False)
            await pair.queue("b.test", BERT, ALICE)
            await pair.until_quiet()
            (report,) = await pair.messages(BERT)
            assert "gone@b.test" in report
            assert "5.1.1" in report
            assert await pair.messages(ALICE) == []

    asyncio.run(main())
