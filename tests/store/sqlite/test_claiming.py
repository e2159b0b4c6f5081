"""\\Recent goes to one session of one worker."""

import asyncio
from pathlib import Path

from tests.fault.failing_disk import FailingDisk
from tests.store.sqlite.company import Workers, perform


def test_two_never_both_get_it(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        taken: list[int] = []
        for _ in range(5):
            await asyncio.gather(*(worker.put() for worker in workers.all for _ in range(3)))
            claims = await asyncio.gather(*(worker.account.claim_recent(1) for worker in workers.all * 2))
            for first, end in claims:
                taken += range(first, end)
        last = (await workers.a.account.mailbox("INBOX")).uid_next
        assert sorted(taken) == list(range(1, last))
        assert [(await worker.account.mailbox("INBOX")).recent for worker in workers.all] == [0, 0, 0]

    perform(tmp_path, play, count=3)


def test_the_others_know_what_was_taken(tmp_path: Path) -> None:
    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        view = await b.view()
        await a.put()
        await b.account.catch_up()
        assert view.mailbox.recent == 1
        before = view.mailbox.highest_modseq
        assert await a.account.claim_recent(1) == (1, 2)
        await b.account.catch_up()
        assert (view.mailbox.recent, view.mailbox.highest_modseq) == (0, before)
        assert await b.account.claim_recent(1) == (2, 2)
        await a.put()
        assert (await b.account.mailbox("INBOX")).recent == 1

    perform(tmp_path, play)


def test_it_waits_for_no_disk_but_what_follows_does(tmp_path: Path) -> None:
    disks = [FailingDisk(), FailingDisk()]

    async def play(workers: Workers) -> None:
        a, b = workers.a, workers.b
        for worker in workers.all:
            await worker.put()  # the log's first commit syncs its head too
            await worker.account.settle()
        disk = disks[0]
        disk.log_syncs = disks[1].log_syncs = 0
        assert await a.account.claim_recent(1) == (1, 3)
        assert disk.log_syncs == 0
        await a.put()
        assert disk.log_syncs == 1
        await asyncio.gather(a.account.claim_recent(1), a.put())
        assert disk.log_syncs == 2
        assert await b.put() == 5
        assert disks[1].log_syncs == 1

    perform(tmp_path, play, disks=disks)
    for disk in disks:
        disk.unregister()
