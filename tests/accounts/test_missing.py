"""Whom resolution looks for and does not find."""

import asyncio
import base64
import hashlib

import argon2

from postroom.accounts import AccountSettings, MemoryDirectory
from postroom.base import FakeClock, SeededIds


def test_who_is_missing() -> None:
    async def body() -> None:
        directory = MemoryDirectory(AccountSettings(), FakeClock(), SeededIds(1))
        await directory.add_domain("example.org")
        await directory.add_person("bob@example.org", None)
        await directory.set_alias("all@example.org", ("bob@example.org", "Carol@example.org", "x@other.test"))
        assert await directory.missing("bob@example.org") == ()
        assert await directory.missing("Dave@EXAMPLE.org") == ("dave@example.org",)
        assert await directory.missing("dave+x@example.org") == ("dave+x@example.org", "dave@example.org")
        assert await directory.missing("all@example.org") == ("carol@example.org",)
        assert await directory.missing("x@other.test") == ()
        assert await directory.missing("x" * 5000 + "@example.org") == ()
        await directory.set_alias("loop@example.org", ("other@example.org",))
        await directory.set_alias("many@example.org", tuple(f"p{n}@example.org" for n in range(200)))
        assert len(await directory.missing("many@example.org")) == 100
        await directory.close()

    asyncio.run(body())


def test_hashes_that_are_kept_elsewhere() -> None:
    async def body() -> None:
        directory = MemoryDirectory(AccountSettings(hash_memory_kibibytes=8), FakeClock(), SeededIds(1))
        await directory.add_domain("example.org")
        bob = await directory.add_person("bob@example.org", "secret")
        carol = await directory.add_person("carol@example.org", None)
        assert (await directory.own_means(bob)).password
        assert not (await directory.own_means(carol)).password
        assert not await directory.verify_hash("bob", "secret", None)
        salted = "{SSHA}" + base64.b64encode(hashlib.sha1(b"secretsalt").digest() + b"salt").decode()
        argon2id = argon2.PasswordHasher(memory_cost=8, time_cost=1, parallelism=1).hash("secret")
        for good in (salted, argon2id, "{ARGON2}" + argon2id):
            assert await directory.verify_hash("bob", "secret", good)
            assert not await directory.verify_hash("bob", "wrong", good)
        for unusable in ("nonsense", "secret", "{SASL}bob", "{SSHA}AAAA", ""):
            assert not await directory.verify_hash("bob", "secret", unusable)
            assert not await directory.verify_hash("bob", unusable, unusable)
        await directory.close()

    asyncio.run(body())
