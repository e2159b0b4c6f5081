"""What a text search costs, with the search index and without, over the store itself.

python -m bench.search_index [--messages 10000] [--mail zipf | --mail ../shared/bench/mailload.py] [--folder DIR]

For each needle: hits, then CPU and wall milliseconds (the best of some tries) by the index with connections just
opened and with used ones, and by looking at every text. Before them, what the index cost to make, and its size.
"""

import argparse
import asyncio
import importlib.util
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench import zipf_mail
from postroom.base import SystemClock, SystemIds
from postroom.message import MessageSettings
from postroom.store import AppendOptions, SqliteStore, StoreSettings, TextField, TextQuery
from postroom.store.sqlite.account import SqliteAccount
from postroom.store.sqlite.files import AccountFiles
from postroom.store.sqlite.query import fetch

_TRIES = 5
_AT_ONCE = 100
_LOAD = "subject:invoice from:sender42 body:hotel_flight text:xyzzyplugh body:e body:e_t body:hotel_flight_budget"
_ZIPF = (
    "subject:the from:person42 text:xyzzyplugh body:the body:e body:e_t body:on_the body:ung body:の body:日 "
    "text:@host42.example.net body:--"
)
_TEXT_OCTETS = "SELECT sum(octet_length(from_||to_||cc||bcc||subject||headers||body)) FROM search_text"
_SIZES = "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"


def _maker(mail: str) -> Callable[[int], bytes]:
    if mail == "zipf":
        return zipf_mail.make_message
    spec = importlib.util.spec_from_file_location("mailload", mail)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = [module.make_message(number, 4096) for number in range(2000)]
    return lambda number: made[number % 2000]


async def _fill(store: SqliteStore, account: SqliteAccount, make: Callable[[int], bytes], messages: int) -> None:
    for start in range(0, messages, _AT_ONCE):
        with ExitStack() as drafts:
            some = []
            for number in range(start, min(start + _AT_ONCE, messages)):
                draft = drafts.enter_context(store.draft())
                draft.write(make(number))
                draft.finish()
                some.append((draft, AppendOptions()))
            await account.append_many("INBOX", some)


async def _indexed(account: SqliteAccount, tail: int) -> None:
    while account.background.active or account.books.content_next - account.background.indexed_to >= tail:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _time(account: SqliteAccount, query: TextQuery, *, cold: bool) -> tuple[int, float, float]:
    best = (0, 1e9, 1e9)
    for _ in range(_TRIES):
        if cold:
            account._readers.close()
            account._readers._closed = False
        cpu, wall = time.process_time(), time.perf_counter()
        found = await account.search_text(1, query)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        best = min(best, (len(found), cpu * 1e3, wall * 1e3), key=lambda one: one[1])
    return best


async def _measure(folder: Path, arguments: argparse.Namespace) -> None:
    clock, ids, settings = SystemClock(), SystemIds(), StoreSettings(index_quiet_seconds=0.1)
    needles = (_ZIPF if arguments.mail == "zipf" else _LOAD).split()
    queries = [
        (TextField[where.upper()], text.replace("_", " ")) for where, text in (one.split(":") for one in needles)
    ]
    if not (folder / "accounts").exists():
        store = SqliteStore(folder, settings, MessageSettings(), clock, ids)
        store.index_turn.of = "nobody yet"
        await store.create_account(1)
        account = await store.open(1)
        await _fill(store, account, _maker(arguments.mail), arguments.messages)
        account.close()
        await store.close()
    scanned: dict[str, tuple[int, float, float]] = {}
    store = SqliteStore(folder, settings, MessageSettings(), clock, ids)
    store.index_turn.of = "nobody yet"
    account = await store.open(1)
    view = await account.view(1)
    if account.background.indexed_to == 1:
        for where, text in queries:
            scanned[where.name + text] = await _time(account, TextQuery(where, text), cold=False)
        cpu = time.process_time()
        store.index_turn.of = None
        account.background.start()
        await _indexed(account, settings.index_tail_messages)
        print(f"indexing: {(time.process_time() - cpu) / arguments.messages * 1e6:.0f} µs of CPU a message")
    db = AccountFiles(folder / "accounts" / "1", store._disk, store.settings).connect_reader()
    index_octets = sum(size for name, size in fetch(db, _SIZES) if name.startswith("index_"))
    [(text_octets,)] = fetch(db, _TEXT_OCTETS)
    segments = fetch(db, "SELECT state, whole, texts FROM index_segments ORDER BY first")
    db.close()
    share = index_octets / text_octets
    print(f"text {text_octets / 1e6:.1f} MB, index {index_octets / 1e6:.1f} MB, {share:.1%}; {segments}")
    for where, text in queries:
        query = TextQuery(where, text)
        cold, warm = await _time(account, query, cold=True), await _time(account, query, cold=False)
        plain_one = scanned.get(where.name + text, (-1, 0.0, 0.0))
        print(
            f"{where.name:8s}{text!r:24s}{cold[0]:7d} hits   cold {cold[1]:7.2f} CPU {cold[2]:7.2f} wall   "
            f"warm {warm[1]:7.2f} {warm[2]:7.2f}   scan {plain_one[1]:7.2f} {plain_one[2]:7.2f}"
        )
        assert plain_one[0] in (-1, warm[0])
    account.release(view)
    account.close()
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--mail", default="zipf")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(_measure(arguments.folder or Path(temporary), arguments))


if __name__ == "__main__":
    main()
