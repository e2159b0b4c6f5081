"""postroom.db and a source behind it: whose word counts when, for sign-ins and for mail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from postroom.accounts import (
    AccountSettings,
    DirectoryFailure,
    Found,
    LocalTarget,
    MailingList,
    MemoryDirectory,
    NotLocal,
    RemoteTarget,
    Unknown,
)
from postroom.accounts.types import SecondFactorRow
from postroom.base import FakeClock, SeededIds
from postroom.directories import DirectorySettings, Known, OutsideDirectory, Seen, SourceDown


@dataclass
class People:
    """A source in memory."""

    passwords: dict[str, str] = field(default_factory=lambda: {"dave@example.org": "secret", "erin@example.org": "pw"})
    others: dict[str, str] = field(default_factory=lambda: {"david@example.org": "dave@example.org"})
    quota: int | None = None
    down: bool = False
    asked: list[str] = field(default_factory=list)

    async def find(self, address: str) -> Known | None:
        self.asked.append(address)
        if self.down:
            raise SourceDown("down")
        address = self.others.get(address, address)
        return Known(address, self.quota) if address in self.passwords else None

    async def find_user(self, username: str) -> Known | None:
        return await self.find(username if "@" in username else f"{username}@example.org")

    async def authenticate(self, username: str, password: str, protocol: str) -> Known | None:
        known = await self.find_user(username)
        return known if known is not None and self.passwords[known.address] == password else None

    async def close(self) -> None: ...


@dataclass
class It:
    embedded: MemoryDirectory
    source: People
    seen: Seen
    clock: FakeClock
    directory: OutsideDirectory

    async def to(self, address: str) -> list[str]:
        """Whose mailboxes an address leads to."""
        found = await self.directory.resolve(address)
        assert isinstance(found, Found)
        targets = [t.person.address if isinstance(t, LocalTarget) else repr(t) for t in found.targets]
        return sorted(targets)


def run(body: Callable[[It], Awaitable[None]]) -> None:
    """example.org with bob, who has a password here; dave and erin are known elsewhere."""

    async def go() -> None:
        clock, settings = FakeClock(), AccountSettings(hash_memory_kibibytes=8, hash_passes=1)
        embedded = MemoryDirectory(settings, clock, SeededIds(1))
        await embedded.add_domain("example.org")
        await embedded.add_person("bob@example.org", "bobs")
        source, seen = People(), Seen(None, clock)
        directory = OutsideDirectory(embedded, source, seen, DirectorySettings(), detail_separator="+")
        await body(It(embedded, source, seen, clock, directory))
        await directory.close()
        await embedded.close()

    asyncio.run(go())


# ---- signing in


def test_people_of_here_do_not_need_the_source() -> None:
    async def body(it: It) -> None:
        it.source.down = True
        found = await it.directory.authenticate("bob@example.org", "bobs", "imap")
        assert found is not None
        assert await it.directory.authenticate("bob@example.org", "wrong", "imap") is None
        assert await it.directory.find("BOB@example.org") == found
        assert it.source.asked == []

    run(body)


def test_whoever_signs_in_for_the_first_time_has_an_account_from_then_on() -> None:
    async def body(it: It) -> None:
        it.source.quota = 5000
        assert await it.directory.authenticate("dave", "wrong", "imap") is None
        assert await it.embedded.person_of("dave@example.org") is None
        dave = await it.directory.authenticate("dave", "secret", "imap")
        assert dave is not None
        assert (dave.address, dave.quota_octets) == ("dave@example.org", 5000)
        assert await it.embedded.person_of("dave@example.org") == dave
        again = await it.directory.authenticate("dave@example.org", "secret", "smtp")
        assert again == dave
        assert await it.directory.person(dave.account_id) == dave

    run(body)


def test_the_source_cannot_take_over_an_account_of_here() -> None:
    async def body(it: It) -> None:
        it.source.passwords["bob@example.org"] = "taken"
        it.source.others["robert@example.org"] = "bob@example.org"
        assert await it.directory.authenticate("bob@example.org", "taken", "imap") is None
        assert await it.directory.authenticate("robert@example.org", "taken", "imap") is None
        bob = await it.embedded.person_of("bob@example.org")
        assert bob is not None
        assert not it.seen.knows(bob.account_id)

    run(body)


def test_a_disabled_account_stays_so() -> None:
    async def body(it: It) -> None:
        assert await it.directory.authenticate("dave", "secret", "imap")
        await it.embedded.set_enabled("dave@example.org", False)
        assert await it.directory.authenticate("dave", "secret", "imap") is None

    run(body)


def test_an_app_password_is_good_as_long_as_the_source_knows_them() -> None:
    async def body(it: It) -> None:
        assert await it.directory.authenticate("dave", "secret", "imap")
        _, secret = await it.embedded.app_passwords.add("dave@example.org", "phone", protocols=("imap",))
        assert await it.directory.authenticate("dave@example.org", secret, "imap")
        assert await it.directory.authenticate("dave@example.org", "secret", "imap")
        assert await it.directory.authenticate("dave@example.org", secret, "smtp") is None
        del it.source.passwords["dave@example.org"]
        assert await it.directory.authenticate("dave@example.org", secret, "imap") is None
        it.source.down = True
        with pytest.raises(DirectoryFailure):
            await it.directory.authenticate("dave@example.org", secret, "imap")

    run(body)


def test_a_second_factor_makes_the_password_of_the_source_useless_for_mail() -> None:
    async def body(it: It) -> None:
        dave = await it.directory.authenticate("dave", "secret", "imap")
        assert dave is not None
        row = SecondFactorRow(b"sealed", 1.0)
        await it.embedded._book.change(lambda tables: tables.set_second_factor(dave.account_id, row))
        for name in ("dave", "dave@example.org"):
            assert await it.directory.authenticate(name, "secret", "imap") is None
        _, secret = await it.embedded.app_passwords.add("dave@example.org", "phone")
        assert await it.directory.authenticate("dave@example.org", secret, "imap") == dave

    run(body)


def test_people_of_other_domains_get_no_account(caplog: pytest.LogCaptureFixture) -> None:
    async def body(it: It) -> None:
        it.source.passwords["eve@other.test"] = "x"
        assert await it.directory.authenticate("eve@other.test", "x", "imap") is None
        it.source.passwords["bad address@example.org"] = "x"
        assert await it.directory.authenticate("bad address@example.org", "x", "imap") is None
        assert len(await it.embedded.people()) == 1

    run(body)
    assert "can't have an account" in caplog.text


def test_who_is_gone_does_not_sign_in_by_a_token_either() -> None:
    async def body(it: It) -> None:
        assert await it.directory.find("dave@example.org") is not None
        del it.source.passwords["dave@example.org"]
        assert await it.directory.find("dave@example.org") is None
        assert await it.directory.find("nobody@example.org") is None
        it.source.down = True
        with pytest.raises(DirectoryFailure):
            await it.directory.find("dave@example.org")

    run(body)


def test_the_source_is_down_for_who_signs_in() -> None:
    async def body(it: It) -> None:
        it.source.down = True
        for name in ("dave", "nobody@example.org"):
            with pytest.raises(DirectoryFailure) as failed:
                await it.directory.authenticate(name, "secret", "imap")
            assert failed.value.code == 451

    run(body)


# ---- mail


def test_mail_for_whom_the_source_knows() -> None:
    async def body(it: It) -> None:
        assert await it.to("Dave@example.org") == ["dave@example.org"]
        assert await it.to("erin+lists@example.org") == ["erin@example.org"]
        assert isinstance(await it.directory.resolve("nobody@example.org"), Unknown)
        assert isinstance(await it.directory.resolve("dave@other.test"), NotLocal)
        assert len(await it.embedded.people()) == 3

    run(body)


def test_aliases_and_catch_alls() -> None:
    async def body(it: It) -> None:
        await it.embedded.set_alias("all@example.org", ("bob@example.org", "dave@example.org", "x@other.test"))
        await it.embedded.set_alias("@example.org", ("bob@example.org",))
        assert await it.to("all@example.org") == [
            repr(RemoteTarget("x@other.test")),
            "bob@example.org",
            "dave@example.org",
        ]
        assert await it.to("erin@example.org") == ["erin@example.org"]  # not the catch-all's
        assert await it.to("nobody@example.org") == ["bob@example.org"]

    run(body)


def test_another_address_of_somebody() -> None:
    async def body(it: It) -> None:
        found = await it.directory.resolve("david@example.org")
        assert isinstance(found, Found)
        (target,) = found.targets
        assert isinstance(target, LocalTarget)
        assert (target.person.address, target.address) == ("dave@example.org", "david@example.org")
        dave, bob = target.person, await it.embedded.person_of("bob@example.org")
        assert bob is not None
        assert await it.directory.may_send_as(dave, "david@example.org")
        assert not await it.directory.may_send_as(bob, "david@example.org")
        assert not await it.directory.may_send_as(dave, "erin@example.org")
        assert not await it.directory.may_send_as(dave, "david@other.test")
        await it.embedded.set_forwarding("dave@example.org", ("x@other.test",), keep=True)
        assert await it.to("david@example.org") == [repr(RemoteTarget("x@other.test")), "dave@example.org"]

    run(body)


def test_while_it_is_down_nobody_is_refused_for_good() -> None:
    async def body(it: It) -> None:
        assert await it.to("dave@example.org") == ["dave@example.org"]
        await it.embedded.set_alias("@example.org", ("bob@example.org",))
        it.source.down = True
        assert await it.to("dave@example.org") == ["dave@example.org"]  # the account is here
        assert await it.to("dave+x@example.org") == ["dave@example.org"]
        assert await it.to("bob@example.org") == ["bob@example.org"]
        assert await it.to("postmaster@example.org") == ["bob@example.org"]
        for address in ("erin@example.org", "nobody@example.org", "david@example.org"):
            with pytest.raises(DirectoryFailure) as failed:
                await it.directory.resolve(address)
            assert (failed.value.code, failed.value.permanent) == (451, False)

    run(body)


def test_lists_do_not_need_the_source() -> None:
    async def body(it: It) -> None:
        await it.directory.lists.create(MailingList(0, "news@example.org", ("bob@example.org",)))
        it.source.down = True
        for address in ("news@example.org", "news-request@example.org", "news-owner@example.org"):
            assert isinstance(await it.directory.resolve(address), Found)

    run(body)


def test_who_is_gone_gets_mail_for_a_few_days_and_then_no_more() -> None:
    async def body(it: It) -> None:
        await it.embedded.add_person("archive@example.org", None)  # made here, without a password
        assert await it.to("dave@example.org") == ["dave@example.org"]
        await it.embedded.set_alias("both@example.org", ("bob@example.org", "dave@example.org"))
        del it.source.passwords["dave@example.org"]
        assert await it.to("dave@example.org") == ["dave@example.org"]
        await it.clock.advance(250_000)
        assert await it.to("dave@example.org") == ["dave@example.org"]
        it.source.passwords["dave@example.org"] = "secret"  # a mistake, and it was mended
        assert await it.to("dave@example.org") == ["dave@example.org"]
        del it.source.passwords["dave@example.org"]
        await it.clock.advance(250_000)
        assert await it.to("dave@example.org") == ["dave@example.org"]
        await it.clock.advance(260_000)
        assert isinstance(await it.directory.resolve("dave@example.org"), Unknown)
        assert await it.to("both@example.org") == ["bob@example.org"]
        assert await it.to("archive@example.org") == ["archive@example.org"]
        it.source.down = True
        assert await it.to("dave@example.org") == ["dave@example.org"]  # nobody can tell

    run(body)
