"""However many messages there are, an import's memory stays where it was."""

import subprocess
import sys
from pathlib import Path

MESSAGES = 12_000
SETTLED = 3_000  # messages after which everything is loaded and all caches are full
ALLOWED = 6 << 20

# Run as a process of its own, so that what other tests left behind does not blur the figures.
IMPORT = """
import asyncio, io, sys
from pathlib import Path
from postroom.base import SystemClock, SystemIds
from postroom.interchange import Importer, InterchangeSettings, find_source
from postroom.message import MessageSettings
from postroom.store import SqliteStore, StoreSettings

folder, messages, settled = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
text = b"0123456789\\n" * 30


class Generated(io.RawIOBase):
    "An mbox that exists nowhere."
    at = 0

    def read(self, size=-1):
        start, self.at = self.at, min(self.at + 100, messages)
        return b"".join(
            b"From a Mon Jan  6 10:00:00 2020\\nMessage-ID: <%d@x.test>\\nSubject: %d\\n\\n%b\\n" % (at, at, text)
            for at in range(start, self.at)
        )


def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


class Watching:
    first, most = 0, 0

    def begin(self, folder, mailbox): ...

    def reached(self, position, report):
        if report.looked_at >= settled:
            self.first = self.first or resident()
            self.most = max(self.most, resident())

    def failed(self, place, reason): ...


async def main():
    # The search index, which is made beside it, has its own bounds.
    settings = StoreSettings(mmap_octets=0, index_segment_messages=32_768, index_quiet_seconds=3600.0)
    store = SqliteStore(folder, settings, MessageSettings(), SystemClock(), SystemIds())
    await store.create_account(1)
    account = await store.open(1)
    watching = Watching()
    interchange = InterchangeSettings(batch_messages=200)
    importer = Importer(store, account, interchange, watching, memory_octets=settings.draft_memory_octets)
    await importer.run(find_source(None, "mbox", interchange, Generated()).folders, None)
    account.close()
    await store.close()
    assert importer.report.imported == messages, importer.report
    print(watching.most - watching.first)


asyncio.run(main())
"""


def test_memory_does_not_grow_with_the_number_of_messages(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORT, str(tmp_path), str(MESSAGES), str(SETTLED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < ALLOWED
