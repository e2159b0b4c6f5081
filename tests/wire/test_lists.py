"""A mailing list between two servers: posted at one, read at the other, and what bounces is counted."""

import asyncio
from pathlib import Path

from tests.wire.two_servers import two_servers

from postroom.accounts import MailingList, Member

ALICE, BERT, GONE = "alice@a.test", "bert@b.test", "gone@b.test"
POST = f"From: {BERT}\r\nTo: news@a.test\r\nSubject: hello\r\n\r\nx\r\n"


def test_posts_reach_the_members_and_bounces_suspend_who_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with two_servers(tmp_path) as pair:
            lists = pair.apps["a.test"].directory.lists
            await lists.create(MailingList(0, "news@a.test", (ALICE,)))
            await lists.add_members("news@a.test", (BERT, GONE, ALICE))

            async def gone() -> Member:
                found = await lists.member(1, GONE)
                assert found is not None
                return found

            for number in range(1, 6):
                await pair.send("a.test", BERT, "news@a.test", POST)
                async with asyncio.timeout(20):
                    while (await gone()).bounces < number:
                        await asyncio.sleep(0.01)
            await pair.until_quiet()
            assert (await gone()).suspended
            for address in (ALICE, BERT):
                mail = await pair.messages(address)
                posts = [one for one in mail if "Subject: hello" in one]
                assert len(posts) == 5, address
                assert all("List-Id: <news.a.test>" in one for one in posts)
                assert len({one.partition("List-Unsubscribe: ")[2].partition("\r\n")[0] for one in posts}) == 1
            told = [one for one in await pair.messages(ALICE) if "gets no more mail" in one]
            assert len(told) == 1
            assert all("gets no more mail" not in one for one in await pair.messages(BERT))

    asyncio.run(main())
