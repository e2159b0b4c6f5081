"""The second factor from enrolment to the last recovery code."""

import asyncio
import base64
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from postroom.accounts import AccountSettings, AlreadyThere, BadCode, NotThere, SqliteDirectory, totp
from postroom.base import FakeClock, SeededIds

SETTINGS = AccountSettings(hash_memory_kibibytes=8, hash_passes=1, scram_iterations=4096)
BOB = "bob@example.org"


async def _directory(folder: Path, clock: FakeClock) -> SqliteDirectory:
    made = SqliteDirectory(folder / "postroom.db", SETTINGS, clock, SeededIds())
    if not await made.domains():
        await made.add_domain("example.org")
        await made.add_person(BOB, "secret")
    return made


async def _secret(directory: SqliteDirectory) -> bytes:
    made = await directory.second_factors.enrol(BOB)
    assert parse_qs(urlsplit(made.uri).query)["secret"] == [made.secret]
    assert made.secret not in repr(made)
    return base64.b32decode(made.secret)


def _code(secret: bytes, clock: FakeClock, later: int = 0) -> str:
    return totp.code(secret, totp.step(clock.now()) + later)


def test_it_is_on_once_it_is_confirmed(tmp_path: Path) -> None:
    async def play() -> None:
        clock = FakeClock()
        directory = await _directory(tmp_path, clock)
        factors = directory.second_factors
        assert await factors.state(BOB) is None
        await _secret(directory)
        secret = await _secret(directory)  # begun again: the first one counts no more
        assert secret not in (tmp_path / "postroom.db").read_bytes()
        state = await factors.state(BOB)
        assert state is not None
        assert state.confirmed is None
        assert await directory.authenticate(BOB, "secret", "imap") is not None
        assert not await factors.passes(BOB, _code(secret, clock))
        with pytest.raises(BadCode):
            await factors.confirm(BOB, _code(secret, clock, 5))
        with pytest.raises(NotThere):
            await factors.codes(BOB)
        codes = await factors.confirm(BOB, _code(secret, clock))
        assert len(set(codes)) == 10
        assert await directory.authenticate(BOB, "secret", "imap") is None
        with pytest.raises(AlreadyThere):
            await factors.enrol(BOB)
        with pytest.raises(AlreadyThere):
            await factors.confirm(BOB, _code(secret, clock, 1))
        await factors.off(BOB)
        assert await directory.authenticate(BOB, "secret", "imap") is not None
        for call in (factors.off(BOB), factors.confirm(BOB, "1"), factors.passes(BOB, "1"), factors.state("x@y.test")):
            with pytest.raises(NotThere):
                await call
        await directory.close()

    asyncio.run(play())


def test_a_code_counts_once_in_all_processes(tmp_path: Path) -> None:
    async def play() -> None:
        clock = FakeClock()
        directory = await _directory(tmp_path, clock)
        other = await _directory(tmp_path, clock)
        secret = await _secret(directory)
        await directory.second_factors.confirm(BOB, _code(secret, clock))
        assert not await other.second_factors.passes(BOB, _code(secret, clock))  # the confirmation has used it
        await clock.advance(60)
        code = _code(secret, clock)
        answers = await asyncio.gather(*(one.second_factors.passes(BOB, code) for one in (directory, other) * 3))
        assert sorted(answers) == [False] * 5 + [True]
        await directory.close()
        await other.close()

    asyncio.run(play())


def test_a_recovery_code_counts_once(tmp_path: Path) -> None:
    async def play() -> None:
        clock = FakeClock()
        directory = await _directory(tmp_path, clock)
        factors = directory.second_factors
        secret = await _secret(directory)
        codes = await factors.confirm(BOB, _code(secret, clock))
        assert codes[3].encode() not in (tmp_path / "postroom.db").read_bytes()
        assert await factors.passes(BOB, codes[3].upper().replace("-", " "))
        assert not await factors.passes(BOB, codes[3])
        state = await factors.state(BOB)
        assert state is not None
        assert state.recovery_codes == 9
        fresh = await factors.codes(BOB)
        assert not await factors.passes(BOB, codes[4])
        assert await factors.passes(BOB, fresh[0])
        await directory.close()

    asyncio.run(play())


def test_recovery_codes_count_when_the_key_file_is_lost(tmp_path: Path) -> None:
    async def play() -> None:
        clock = FakeClock()
        directory = await _directory(tmp_path, clock)
        secret = await _secret(directory)
        codes = await directory.second_factors.confirm(BOB, _code(secret, clock))
        await directory.close()
        (tmp_path / "credentials.key").unlink()
        later = await _directory(tmp_path, clock)
        await clock.advance(60)
        assert not await later.second_factors.passes(BOB, _code(secret, clock))
        assert await later.second_factors.passes(BOB, codes[0])
        assert await later.authenticate(BOB, "secret", "imap") is None  # it is still on
        await later.close()

    asyncio.run(play())


def test_wrong_codes_lock_it_for_longer_and_longer(tmp_path: Path) -> None:
    async def play() -> None:
        clock = FakeClock()
        directory = await _directory(tmp_path, clock)
        factors = directory.second_factors
        secret = await _secret(directory)
        await factors.confirm(BOB, _code(secret, clock))
        await clock.advance(90)
        for _ in range(5):
            assert not await factors.passes(BOB, "000000")
        assert not await factors.passes(BOB, _code(secret, clock))  # right, and locked
        await clock.advance(31)
        assert not await factors.passes(BOB, "000000")
        await clock.advance(31)
        assert not await factors.passes(BOB, _code(secret, clock))  # now it takes a minute
        await clock.advance(30)
        assert await factors.passes(BOB, _code(secret, clock))
        assert not await factors.passes(BOB, "000000")
        await clock.advance(30)
        assert await factors.passes(BOB, _code(secret, clock))  # the count begins again
        await directory.close()

    asyncio.run(play())
