"""What every Directory and Registry keeps to: run on SQLite and in memory."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom.accounts import (
    NOBODY,
    AccountError,
    AccountSettings,
    Alias,
    AliasTrouble,
    AlreadyThere,
    BadAddress,
    BadReturnAddress,
    Found,
    InUse,
    ListTarget,
    LocalTarget,
    MailingList,
    Member,
    MemoryDirectory,
    NotLocal,
    NotThere,
    Person,
    RemoteTarget,
    SqliteDirectory,
    TooManyCredentials,
    TooManyNotes,
    Unknown,
    scram,
)
from postroom.accounts.types import Book
from postroom.base import FakeClock, SeededIds

AnyDirectory = SqliteDirectory | MemoryDirectory
Play = Callable[[AnyDirectory], Coroutine[Any, Any, None]]
Run = Callable[..., None]
CHEAP: dict[str, Any] = {"hash_memory_kibibytes": 8, "hash_passes": 1}


@pytest.fixture(params=["sqlite", "memory"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Play a coroutine on a new directory with the domains example.org and example.net, alice and bob."""

    def play_it(play: Play, **settings: Any) -> None:
        async def whole() -> None:
            chosen = AccountSettings(**CHEAP, **settings)
            directory: AnyDirectory
            if request.param == "sqlite":
                directory = SqliteDirectory(tmp_path / "data" / "postroom.db", chosen, FakeClock(), SeededIds())
            else:
                directory = MemoryDirectory(chosen, FakeClock(), SeededIds())
            try:
                await directory.add_domain("example.org")
                await directory.add_domain("example.net")
                await directory.add_person("alice@example.org", "wonder land")
                await directory.add_person("bob@example.org", "build it", quota_octets=5000, quota_messages=7)
                await play(directory)
            finally:
                await directory.close()

        asyncio.run(whole())

    return play_it


def saying(words: str) -> Callable[[AccountError], bool]:
    """The error's text for people has these words."""
    return lambda error: words in error.text


async def targets(directory: AnyDirectory, address: str) -> list[tuple[str, str]]:
    """(address of the person or remote, detail or "remote")."""
    answer = await directory.resolve(address)
    assert isinstance(answer, Found), answer
    return [
        (target.person.address, target.detail) if isinstance(target, LocalTarget) else (target.address, "remote")
        for target in answer.targets
    ]


def test_a_person_has_the_address_in_any_case(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        for address in ("bob@example.org", "BOB@Example.ORG", '"bob"@example.org', '"b\\ob"@example.org'):
            answer = await directory.resolve(address)
            assert answer == Found((LocalTarget(Person(2, "bob@example.org", 5000, 7), address),))

    run(play)


def test_who_is_not_here(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        assert await directory.resolve("carol@example.org") == Unknown()
        assert await directory.resolve("bob@example.net") == Unknown()
        assert await directory.resolve("@example.org") == Unknown()
        assert await directory.resolve("bob") == Unknown()
        assert await directory.resolve("") == Unknown()
        assert await directory.resolve("b" * 2000 + "@example.org") == Unknown()
        assert await directory.resolve("bob@elsewhere.test") == NotLocal()
        assert await directory.resolve("bob@[127.0.0.1]") == NotLocal()
        assert await directory.resolve("bob@exa mple.org") == NotLocal()
        assert await directory.resolve("bob@") == Unknown()

    run(play)


def test_domains_compare_as_a_labels(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.add_domain("Bücher.example")
        await directory.add_person("jörg@bücher.example", "x")
        assert await directory.local_domains() == ["example.org", "example.net", "xn--bcher-kva.example"]
        for address in ("jörg@xn--bcher-kva.example", "JÖRG@BÜCHER.example", "jo\u0308rg@XN--BCHER-KVA.example"):
            assert await targets(directory, address) == [("jörg@xn--bcher-kva.example", "")]
        assert await directory.is_local_domain("BÜCHER.example")
        assert not await directory.is_local_domain("bucher.example")
        assert not await directory.is_local_domain("[::1]")
        assert not await directory.is_local_domain("")

    run(play)


def test_sub_addresses(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        assert await targets(directory, "bob+tag@example.org") == [("bob@example.org", "tag")]
        assert await targets(directory, "bob+a+b@example.org") == [("bob@example.org", "a+b")]
        assert await targets(directory, "bob+@example.org") == [("bob@example.org", "")]
        assert await directory.resolve("+tag@example.org") == Unknown()
        assert await directory.resolve("carol+tag@example.org") == Unknown()
        await directory.add_person("bob+work@example.org", "x")
        assert await targets(directory, "bob+work@example.org") == [("bob+work@example.org", "")]
        await directory.set_alias("bob+shop@example.org", ("alice@example.org",))
        assert await targets(directory, "bob+shop@example.org") == [("alice@example.org", "")]
        await directory.set_alias("team@example.org", ("bob@example.org", "alice@example.org"))
        assert await targets(directory, "team+x@example.org") == [("bob@example.org", "x"), ("alice@example.org", "x")]

    run(play)


@pytest.mark.parametrize(("separator", "address"), [("-", "bob-tag@example.org"), ("", "bob+tag@example.org")])
def test_another_separator_or_none(run: Run, separator: str, address: str) -> None:
    async def play(directory: AnyDirectory) -> None:
        answer = await directory.resolve(address)
        assert isinstance(answer, Found) == bool(separator)
        assert isinstance(await directory.resolve("bob+tag@example.org"), Unknown)

    run(play, detail_separator=separator)


def test_aliases_nest_and_leave_no_duplicates(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_alias("sales@example.org", ("bob@example.org", "Carol@Elsewhere.Test"))
        await directory.set_alias("all@example.org", ("alice@example.org", "sales@example.org", "BOB@example.org"))
        await directory.set_alias("everybody@example.net", ("all@example.org", "sales@example.org"))
        expected = [("alice@example.org", ""), ("bob@example.org", ""), ("Carol@elsewhere.test", "remote")]
        assert await targets(directory, "everybody@example.net") == expected
        answer = await directory.resolve("All@example.org")
        assert isinstance(answer, Found)
        local = answer.targets[0]
        assert isinstance(local, LocalTarget)
        assert local.address == "All@example.org"
        assert answer.targets[2] == RemoteTarget("Carol@elsewhere.test")

    run(play)


def test_an_alias_may_name_its_own_person(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_alias("bob@example.org", ("bob@example.org", "bob@elsewhere.test"))
        assert await targets(directory, "bob@example.org") == [
            ("bob@example.org", ""),
            ("bob@elsewhere.test", "remote"),
        ]
        await directory.set_alias("bob@example.org", ("alice@example.org",))
        assert await targets(directory, "bob@example.org") == [("alice@example.org", "")]

    run(play)


def test_circles_are_refused_when_they_are_made(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        with pytest.raises(BadAddress, check=saying("back to itself")):
            await directory.set_alias("a@example.org", ("a@example.org",))
        await directory.set_alias("a@example.org", ("b@example.org",))
        with pytest.raises(BadAddress, check=saying("back to itself")):
            await directory.set_alias("b@example.org", ("a@example.org",))
        assert await directory.aliases() == [Alias("a@example.org", ("b@example.org",))]
        assert await directory.resolve("a@example.org") == Unknown()
        await directory.set_alias("b@example.org", ("a@example.org", "bob@example.org"))
        assert await targets(directory, "a@example.org") == [("bob@example.org", "")]
        # the circle becomes pure later on: a temporary failure, for the postmaster to repair
        await directory.remove_person("bob@example.org")
        with pytest.raises(AliasTrouble):
            await directory.resolve("a@example.org")

    run(play)


def test_expansion_has_limits(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_alias("a0@example.org", ("bob@example.org",))
        for k in range(1, 3):
            await directory.set_alias(f"a{k}@example.org", (f"a{k - 1}@example.org",))
        with pytest.raises(BadAddress, check=saying("nested deeper than 3")):
            await directory.set_alias("a3@example.org", ("a2@example.org",))
        with pytest.raises(BadAddress, check=saying("more than 4 targets")):
            await directory.set_alias("many@example.org", tuple(f"r{k}@elsewhere.test" for k in range(5)))
        assert len(await directory.aliases()) == 3

    run(play, max_alias_depth=3, max_alias_targets=4)


def test_the_catch_all(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_alias("@example.net", ("bob@example.org",))
        assert await targets(directory, "anybody@example.net") == [("bob@example.org", "")]
        assert await targets(directory, "any+body@example.net") == [("bob@example.org", "")]
        await directory.add_person("carol@example.net", "x")
        assert await targets(directory, "carol@example.net") == [("carol@example.net", "")]
        assert await targets(directory, "carol+x@example.net") == [("carol@example.net", "x")]
        assert await directory.aliases() == [Alias("@example.net", ("bob@example.org",))]
        with pytest.raises(BadAddress, check=saying("back to itself")):
            await directory.set_alias("@example.org", ("ghost@example.org",))
        await directory.remove_alias("@example.net")
        assert await directory.resolve("anybody@example.net") == Unknown()

    run(play)


def test_postmaster_is_always_somebody(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        alice = [("alice@example.org", "")]
        for address in ("postmaster", "PostMaster", "postmaster@example.org", "Postmaster+x@EXAMPLE.org"):
            assert await targets(directory, address) == alice
        assert await targets(directory, "postmaster@example.net") == alice  # nobody lives there
        await directory.add_person("carol@example.net", "x")
        await directory.set_alias("@example.net", ("bob@example.org",))
        assert await targets(directory, "postmaster@example.net") == [("carol@example.net", "")]
        await directory.set_alias("postmaster@example.net", ("bob@example.org",))
        assert await targets(directory, "postmaster@example.net") == [("bob@example.org", "")]
        await directory.add_person("postmaster@example.org", "x")
        assert await targets(directory, "postmaster@example.org") == [("postmaster@example.org", "")]
        assert await targets(directory, "postmaster") == [("postmaster@example.org", "")]
        assert await directory.resolve("postmaster@elsewhere.test") == NotLocal()
        assert await directory.resolve("abuse@example.org") == Unknown()

    run(play)


def test_an_appointed_postmaster(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        for address in ("postmaster", "postmaster@example.org", "postmaster@example.net"):
            assert await targets(directory, address) == [("bob@example.org", "")]
        await directory.remove_person("bob@example.org")
        assert await targets(directory, "postmaster@example.org") == [("alice@example.org", "")]
        assert await targets(directory, "postmaster") == [("alice@example.org", "")]

    run(play, postmaster="bob@example.org")


@pytest.mark.parametrize("appointed", ["postmaster+x@example.org", "postmaster@example.net", "nonsense"])
def test_an_appointment_that_leads_back_is_no_trouble(run: Run, appointed: str) -> None:
    async def play(directory: AnyDirectory) -> None:
        answer = await directory.resolve("postmaster@example.org")
        assert isinstance(answer, Found)

    run(play, postmaster=appointed)


def test_without_people_even_postmaster_is_nobody(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.remove_person("alice@example.org")
        await directory.set_enabled("bob@example.org", False)
        assert await directory.resolve("postmaster@example.org") == Unknown()
        assert await directory.resolve("postmaster") == Unknown()

    run(play)


def test_signing_in(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        bob = Person(2, "bob@example.org", 5000, 7)
        assert await directory.authenticate("bob@example.org", "build it") == bob
        assert await directory.authenticate("BOB@Example.org", "build it") == bob
        assert await directory.authenticate("bob@example.org", "Build it") is None
        assert await directory.authenticate("bob@example.org", "") is None
        assert await directory.authenticate("bob@example.org", "x" * 5000) is None
        assert await directory.authenticate("bob@example.org", "\udcff") is None
        assert await directory.authenticate("\udcff@example.org", "x") is None
        assert await directory.authenticate("bob", "build it") is None
        assert await directory.authenticate("carol@example.org", "build it") is None
        assert await directory.authenticate("", "") is None
        await directory.set_enabled("bob@example.org", False)
        assert await directory.authenticate("bob@example.org", "build it") is None
        assert isinstance(await directory.resolve("bob@example.org"), Found)  # whether to take mail is intake's
        await directory.set_enabled("bob@example.org", True)
        await directory.set_password("bob@example.org", "new")
        assert await directory.authenticate("bob@example.org", "build it") is None
        assert await directory.authenticate("bob@example.org", "new") == bob
        assert await directory.person(2) == bob
        assert await directory.person(99) is None

    run(play)


def test_nobody_signs_in_without_a_password_on_record(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.add_person("shared@example.org", None)
        assert await directory.authenticate("shared@example.org", "") is None
        assert await directory.authenticate("shared@example.org", "None") is None

    run(play)


def test_app_passwords(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        bob = await directory.find("bob@example.org")
        made, secret = await directory.app_passwords.add("bob@example.org", "phone", protocols=("pop3", "imap"))
        assert (made.name, made.protocols, made.expires, made.last_used) == ("phone", ("imap", "pop3"), None, None)
        assert await directory.authenticate("bob@example.org", secret, "imap") == bob
        assert await directory.authenticate("bob@example.org", secret.replace("-", " "), "pop3") == bob
        assert await directory.authenticate("bob@example.org", secret, "smtp") is None
        assert await directory.authenticate("bob@example.org", secret) is None
        assert await directory.authenticate("alice@example.org", secret, "imap") is None
        assert await directory.authenticate("bob@example.org", "build it", "smtp") == bob
        with pytest.raises(AlreadyThere):
            await directory.app_passwords.add("bob@example.org", " phone ")
        for name, protocols in (("", ()), ("a\nb", ()), ("x" * 65, ()), ("tv", ("ftp",))):
            with pytest.raises(BadAddress):
                await directory.app_passwords.add("bob@example.org", name, protocols=protocols)
        for call in (directory.app_passwords.add("carol@example.org", "x"), directory.app_passwords.all("x@y.test")):
            with pytest.raises(NotThere):
                await call
        old, gone = await directory.app_passwords.add("bob@example.org", "old", expires=1.0)
        assert await directory.authenticate("bob@example.org", gone, "imap") is None
        with pytest.raises(TooManyCredentials):
            await directory.app_passwords.add("bob@example.org", "third")
        assert await directory.app_passwords.all("bob@example.org") == [made, old]
        await directory.app_passwords.remove("bob@example.org", "old")
        with pytest.raises(NotThere):
            await directory.app_passwords.remove("bob@example.org", "old")
        again, _ = await directory.app_passwords.add("bob@example.org", "old")
        assert again.credential_id not in (made.credential_id, old.credential_id)
        await directory.remove_person("bob@example.org")
        await directory.add_person("bob@example.org", "build it")
        assert await directory.app_passwords.all("bob@example.org") == []
        assert await directory.authenticate("bob@example.org", secret, "imap") is None

    run(play, max_app_passwords=2)


def test_an_app_password_ends_when_it_was_said_and_its_use_is_noted(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        clock = directory._clock
        assert isinstance(clock, FakeClock)
        start = clock.now()
        made, secret = await directory.app_passwords.add("bob@example.org", "trip", expires=start + 1000)
        assert await directory.authenticate("bob@example.org", secret, "imap") is not None
        keys = await directory.scram_keys("bob@example.org", "sha-256", "imap")
        assert [key.credential_id for key in keys.keys].count(made.credential_id) == 2
        await directory._proving._last_use._write()
        assert [one.last_used for one in await directory.app_passwords.all("bob@example.org")] == [start]
        await clock.advance(999)
        assert await directory.authenticate("bob@example.org", secret, "imap") is not None
        await clock.advance(1)
        assert await directory.authenticate("bob@example.org", secret, "imap") is None
        assert await directory.proven("bob@example.org", made.credential_id, "imap") is None
        keys = await directory.scram_keys("bob@example.org", "sha-256", "imap")
        assert made.credential_id not in [key.credential_id for key in keys.keys]

    run(play, scram_iterations=4096)


def test_whether_everybody_could_sign_in_by_scram(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        bob = await directory.find("bob@example.org")
        assert bob is not None
        assert not directory._book.tables.lacks_scram_keys()
        assert directory.scram_for_all
        (row,) = directory._book.tables.credentials(bob.account_id)
        book: Book = directory._book
        await book.change(lambda tables: tables.set_credential(replace(row, keys=None)))
        assert directory._book.tables.lacks_scram_keys()
        assert directory.scram_for_all  # it was looked up just now
        await directory.set_enabled("bob@example.org", False)
        assert not directory._book.tables.lacks_scram_keys()  # who can't sign in at all
        await directory.set_enabled("bob@example.org", True)
        assert await directory.authenticate("bob@example.org", "build it", "imap") is not None
        assert not directory._book.tables.lacks_scram_keys()

    run(play, scram_iterations=4096)


def test_emoji_are_a_password(run: Run) -> None:
    """SASLprep keeps no character that is younger than Unicode 3.2; people may have them all the same (RFC 8265)."""

    async def play(directory: AnyDirectory) -> None:
        await directory.set_password("bob@example.org", "\U0001f511\U0001f40e \u05d3x")
        assert await directory.authenticate("bob@example.org", "\U0001f511\U0001f40e\u00a0\u05d3x") is not None
        assert await directory.authenticate("bob@example.org", "\U0001f511\U0001f40e") is None

    run(play)


def test_scram_keys_of_both_books(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        bob = await directory.find("bob@example.org")
        keys = await directory.scram_keys("Bob@example.org", "sha-256", "imap")
        (key,) = keys.keys
        assert scram.server_keys("sha-256", b"build it", keys.salt, keys.iterations)[0] == key.stored_key
        assert await directory.proven("bob@example.org", key.credential_id, "imap") == bob
        assert await directory.proven("alice@example.org", key.credential_id, "imap") is None
        assert directory._book.tables.iteration_counts() == [keys.iterations]
        assert directory._book.tables.imported_hash() is None
        ghost = await directory.scram_keys("ghost@example.org", "sha-256", "imap")
        assert ghost.keys[0].credential_id == NOBODY
        assert len(ghost.salt) == len(keys.salt)

    run(play, scram_iterations=4096)


def test_a_domain_for_bare_user_names(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        assert await directory.authenticate("bob", "build it") is not None
        assert await directory.authenticate("bob@example.net", "build it") is None

    run(play, sign_in_domain="example.org")


def test_leave_to_send_as_somebody_else(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        bob, alice = await directory.person(2), await directory.person(1)
        assert bob is not None
        assert alice is not None
        bob_s = "bob@example.org"
        granted = ("Sales@example.org", "alice@example.org", "b@elsewhere.test", "@example.net")
        for address in granted:
            await directory.grant_sender(bob_s, address)
            await directory.grant_sender(bob_s, address)  # nothing more
        assert await directory.sender_grants(bob_s) == [
            "@example.net",
            "alice@example.org",
            "b@elsewhere.test",
            "Sales@example.org",
        ]
        good = ("sales@EXAMPLE.org", "sales+x@example.org", "alice@example.org", "B@elsewhere.test", "a@example.net")
        for address in good:
            assert await directory.may_send_as(bob, address), address
        others = ("c@elsewhere.test", "ghost@example.org", "sales@sub.example.org", "x@sub.example.net", "@example.net")
        for address in others:
            assert not await directory.may_send_as(bob, address), address
        assert not await directory.may_send_as(alice, "sales@example.org")
        await directory.revoke_sender(bob_s, "SALES@example.org")
        assert not await directory.may_send_as(bob, "sales@example.org")
        with pytest.raises(NotThere):
            await directory.revoke_sender(bob_s, "sales@example.org")
        for wrong in ("", "x", "a b@example.org", "a@b@c"):
            with pytest.raises(AccountError):
                await directory.grant_sender(bob_s, wrong)
        with pytest.raises(NotThere):
            await directory.grant_sender("nobody@example.org", "sales@example.org")
        await directory.remove_person(bob_s)
        again = await directory.add_person(bob_s, None)
        assert await directory.sender_grants(bob_s) == []
        assert not await directory.may_send_as(again, "alice@example.org")

    run(play)


def test_who_may_send_as_whom(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        bob, alice = await directory.person(2), await directory.person(1)
        assert bob is not None
        assert alice is not None
        await directory.set_alias("bobby@example.org", ("bob@example.org",))
        await directory.set_alias("robert@example.org", ("bobby@example.org",))
        await directory.set_alias("team@example.org", ("bob@example.org", "alice@example.org"))
        await directory.set_alias("away@example.org", ("bob@example.org", "bob@elsewhere.test"))
        await directory.set_alias("@example.net", ("bob@example.org",))
        for mine in (
            "BOB@example.org",
            "bob+x@example.org",
            "bobby@example.org",
            "robert+x@example.org",
            "a@example.net",
        ):
            assert await directory.may_send_as(bob, mine), mine
            assert not await directory.may_send_as(alice, mine), mine
        others = ("alice@example.org", "team@example.org", "away@example.org", "ghost@example.org", "x@elsewhere.test")
        for other in (*others, "bob", "", "@example.org", "bob@", "postmaster"):
            assert not await directory.may_send_as(bob, other), other
        # forwarded away, the address is still bob's; its details follow the alias
        await directory.set_alias("bob@example.org", ("alice@example.org",))
        assert await directory.may_send_as(bob, "bob@example.org")
        await directory.set_alias("bob+shop@example.org", ("alice@example.org",))
        assert not await directory.may_send_as(bob, "bob+shop@example.org")

    run(play)


def test_the_registry_refuses_what_cannot_be(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        with pytest.raises(AlreadyThere):
            await directory.add_domain("EXAMPLE.org")
        for domain in ("", "exa mple", "-x.org", "[127.0.0.1]", "x" * 300, "a..b", "ex\u2028ample"):
            with pytest.raises(BadAddress):
                await directory.add_domain(domain)
        with pytest.raises(NotThere):
            await directory.remove_domain("elsewhere.test")
        with pytest.raises(InUse):
            await directory.remove_domain("example.org")
        with pytest.raises(AlreadyThere):
            await directory.add_person("Bob@example.org", "x")
        with pytest.raises(NotThere, check=saying("postroom domain add elsewhere.test")):
            await directory.add_person("bob@elsewhere.test", "x")
        for address in (
            "",
            "bob",
            "@example.org",
            "b b@example.org",
            ".b@example.org",
            "b..b@example.org",
            "b@b@example.org",
        ):
            with pytest.raises(BadAddress):
                await directory.add_person(address, "x")
        with pytest.raises(BadAddress):
            await directory.add_person("b" * 65 + "@example.org", "x")
        for password in ("", "a\0b", "a\x07b", "x" * 1025, "\u0378"):
            with pytest.raises(BadAddress):
                await directory.add_person("carol@example.org", password)
        for call in (
            directory.remove_person("carol@example.org"),
            directory.set_password("carol@example.org", "x"),
            directory.set_quota("carol@example.org", 1, 1),
            directory.set_enabled("carol@example.org", True),
            directory.remove_alias("carol@example.org"),
            directory.set_alias("carol@elsewhere.test", ("bob@example.org",)),
        ):
            with pytest.raises(NotThere):
                await call
        with pytest.raises(BadAddress):
            await directory.set_alias("carol@example.org", ())
        with pytest.raises(BadAddress):
            await directory.set_alias("carol@example.org", ("bob",))
        with pytest.raises(BadAddress):
            await directory.set_alias("carol", ("bob@example.org",))
        assert [person.address for person in await directory.people()] == ["alice@example.org", "bob@example.org"]
        assert await directory.aliases() == []

    run(play)


def test_ids_are_never_used_twice(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        gone = await directory.remove_person("bob@example.org")
        assert gone.account_id == 2
        again = await directory.add_person("bob@example.org", "x")
        assert again == Person(3, "bob@example.org", None, None)
        assert await directory.person(2) is None

    run(play)


def test_quotas_and_removals(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_quota("alice@example.org", 10, None)
        assert await directory.people() == [
            Person(1, "alice@example.org", 10, None),
            Person(2, "bob@example.org", 5000, 7),
        ]
        await directory.remove_domain("example.net")
        assert await directory.domains() == ["example.org"]
        assert await directory.resolve("bob@example.net") == NotLocal()

    run(play)


def test_whose_address_it_is(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_alias("carol@example.org", ("bob@example.org",))
        bob = await directory.person_of("BOB@example.ORG")
        assert bob is not None
        assert bob.address == "bob@example.org"
        for other in ("carol@example.org", "bob+tag@example.org", "nobody@example.org", "bob", "", "b" * 5000 + "@x"):
            assert await directory.person_of(other) is None
        await directory.set_quota(bob.address, 1, 2)
        assert await directory.person_of(bob.address) == Person(2, "bob@example.org", 1, 2)

    run(play)


def test_notes_about_the_server(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        assert await directory.notes() == {}
        await directory.set_notes({"/shared/comment": b"Hello", "/shared/a": b"\0\xff"})
        assert list(await directory.notes()) == ["/shared/a", "/shared/comment"]
        await directory.set_notes({"/shared/comment": b"Bye", "/shared/a": None, "/shared/none": None})
        assert await directory.notes() == {"/shared/comment": b"Bye"}
        await directory.set_notes({str(number): b"" for number in range(9)})
        with pytest.raises(TooManyNotes):
            await directory.set_notes({"/shared/comment": b"lost", "one": b"more"})
        assert (await directory.notes())["/shared/comment"] == b"Bye"
        await directory.set_notes({"/shared/comment": b"kept"})

    run(play, max_notes=10)


def test_an_answer_is_never_older_than_the_last_change(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        for _ in range(3):
            assert await directory.resolve("carol@example.org") == Unknown()
            await directory.set_alias("carol@example.org", ("bob@example.org",))
            assert isinstance(await directory.resolve("carol@example.org"), Found)
            await directory.remove_alias("carol@example.org")

    run(play)


def test_people_are_found_by_the_name_they_sign_in_by(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_alias("sales@example.org", ("bob@example.org",))
        for name in ("bob@example.org", "BOB@Example.ORG", '"bob"@example.org', "bob"):
            person = await directory.find(name)
            assert person is not None
            assert (person.address, person.quota_octets) == ("bob@example.org", 5000), name
        for name in ("sales@example.org", "bob+tag@example.org", "bob@example.net", "nobody", "", "@", "a" * 10_000):
            assert await directory.find(name) is None, name
        await directory.set_enabled("bob@example.org", False)
        disabled = await directory.find("bob@example.org")
        assert disabled is not None
        assert not disabled.enabled
        await directory.remove_person("bob@example.org")
        assert await directory.find("bob@example.org") is None

    run(play, sign_in_domain="example.org")


def test_forwarding_and_copies_are_kept(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        await directory.set_forwarding("Bob@example.org", ("bob@b.test", "bob@B.test", "lmtp:/run/x"), keep=False)
        await directory.set_copies("bob@example.org", ("archive@example.org",))
        bob = await directory.find("bob@example.org")
        assert bob is not None
        assert (bob.forward, bob.keep, bob.copies) == (("bob@b.test", "lmtp:/run/x"), False, ("archive@example.org",))
        await directory.set_forwarding("bob@example.org", (), keep=True)
        bob = await directory.find("bob@example.org")
        assert bob is not None
        assert (bob.forward, bob.keep, bob.copies) == ((), True, ("archive@example.org",))
        for call in (directory.set_copies("x@example.org", ()), directory.set_forwarding("x", (), keep=True)):
            with pytest.raises(AccountError):
                await call
        with pytest.raises(BadAddress):
            await directory.set_copies("bob@example.org", ("not an address",))
        with pytest.raises(BadAddress) as caught:  # and the account, and its copies: more targets than allowed
            await directory.set_forwarding("bob@example.org", ("x@y.test", "y@y.test", "z@y.test"), keep=True)
        assert "can't work" in caught.value.text
        bob = await directory.find("bob@example.org")
        assert bob is not None
        assert bob.forward == ()

    run(play, max_alias_targets=3)


def test_return_addresses_lead_back_while_they_are_good(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        clock = directory._clock
        assert isinstance(clock, FakeClock)
        for sender in ("", "alice@example.net", "postmaster", "x@[192.0.2.1]"):
            assert await directory.forwarding_sender(sender, "bob@example.org") == sender
        address = await directory.forwarding_sender("Carol@B\u00fccher.example", "bob@example.net")
        assert address.endswith("=xn--bcher-kva.example=Carol@example.net")
        assert await directory.resolve(address) == Found((RemoteTarget("Carol@xn--bcher-kva.example"),))
        assert (await directory.forwarding_sender("c@b.test", "postmaster")).endswith("@example.org")
        for forged in (address.replace("Carol", "eve"), "srs0=aaaaaaaa=aa=b.test=c@example.org"):
            with pytest.raises(BadReturnAddress) as caught:
                await directory.resolve(forged)
            assert caught.value.code == 550
        assert await directory.resolve(address.replace("example.net", "elsewhere.test")) == NotLocal()
        await directory.rotate_secret()
        assert await directory.resolve(address) == Found((RemoteTarget("Carol@xn--bcher-kva.example"),))
        assert await directory.forwarding_sender("Carol@b\u00fccher.example", "bob@example.net") != address
        await clock.advance(2 * 86_400)
        with pytest.raises(BadReturnAddress):  # the secret is too old
            await directory.resolve(address)
        again = await directory.forwarding_sender("carol@b.test", "bob@example.org")
        await clock.advance(6 * 86_400)
        with pytest.raises(BadReturnAddress):  # the address is
            await directory.resolve(again)
        for _ in range(3):
            await directory.rotate_secret()
            await clock.advance(3 * 86_400)
        assert len(directory._book.tables.secrets()) == 2

    run(play, old_secret_seconds=86_400.0, return_address_seconds=4 * 86_400.0)


def test_forwarding_without_another_sender(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        assert await directory.forwarding_sender("carol@b.test", "bob@example.org") == "carol@b.test"

    run(play, rewrite_forwarded_sender=False)


NEWS = MailingList(0, "News@example.org", ("alice@example.org",))


def test_lists_and_their_members_are_kept(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        lists = directory.lists
        news = await lists.create(NEWS)
        assert news == replace(NEWS, list_id=1)
        assert await lists.get("NEWS@Example.org") == await lists.by_id(1) == news
        assert await lists.all() == [news]
        changed = replace(
            news, posting="named", posters=("x@y.test",), title="N", prefix="[n]", archive="https://a.test"
        )
        await lists.change(changed)
        assert await lists.all() == [changed]
        assert await lists.add_members("news@example.org", ("bob@b.test", "Carol@c.test", "BOB@b.test")) == 2
        bob, carol = await lists.members(1)
        assert (bob, carol) == (Member(1, 1, "bob@b.test"), Member(2, 1, "Carol@c.test"))
        assert await lists.member(1, "carol@C.test") == carol
        assert await lists.member(1, "nobody") is await lists.member(2, "bob@b.test") is None
        with pytest.raises(BadAddress):  # all or none
            await lists.add_members("news@example.org", ("dave@d.test", "x y"))
        with pytest.raises(BadAddress):  # too many
            await lists.add_members("news@example.org", ("dave@d.test", "eve@e.test"))
        assert len(await lists.members(1)) == 2
        assert await lists.remove_members("news@example.org", ("carol@c.test", "dave@d.test")) == 1
        await lists.add_members("news@example.org", ("carol@c.test",))
        assert [one.member_id for one in await lists.members(1)] == [1, 3]  # never used twice
        for wanted, error in (
            (NEWS, AlreadyThere),
            (replace(NEWS, address="bob@example.org"), AlreadyThere),
            (replace(NEWS, address="x@elsewhere.test"), NotThere),
            (replace(NEWS, address="x@example.org", owners=()), BadAddress),
            (replace(NEWS, address="x@example.org", title="a\r\nb"), BadAddress),
            (replace(NEWS, address="x" * 31 + "@example.org"), BadAddress),
        ):
            with pytest.raises(error):
                await lists.create(wanted)
        with pytest.raises(AlreadyThere):
            await directory.add_person("news@example.org", None)
        with pytest.raises(AlreadyThere):
            await directory.set_alias("news@example.org", ("x@y.test",))
        await lists.remove("news@example.org")
        assert await lists.all() == []
        assert await lists.members(1) == []
        for call in (lists.remove("news@example.org"), lists.resume("news@example.org", "bob@b.test")):
            with pytest.raises(NotThere):
                await call

    run(play, max_list_members=3)


def test_the_addresses_of_a_list(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        alice = await directory.find("alice@example.org")
        assert alice is not None
        await directory.lists.create(replace(NEWS, owners=("alice@example.org", "boss@y.test")))
        for address, target in (
            ("news@example.org", ListTarget(1, "News@example.org", "post")),
            ("NEWS+x@example.org", ListTarget(1, "News@example.org", "post")),
            ("News-Request@example.org", ListTarget(1, "news-request@example.org", "request")),
            ("news-bounces@example.org", ListTarget(1, "news-bounces@example.org", "bounces")),
            ("news-bounces+1-ab@example.org", ListTarget(1, "news-bounces+1-ab@example.org", "bounces", "1-ab")),
            (
                "news-unsubscribe+1-ab@example.org",
                ListTarget(1, "news-unsubscribe+1-ab@example.org", "unsubscribe", "1-ab"),
            ),
        ):
            assert await directory.resolve(address) == Found((target,)), address
        owners = await directory.resolve("news-owner@example.org")
        assert owners == Found((LocalTarget(alice, "news-owner@example.org"), RemoteTarget("boss@y.test")))
        assert await directory.resolve("other-request@example.org") == Unknown()
        assert not await directory.may_send_as(alice, "news@example.org")
        # an account and an alias go before it
        await directory.set_alias("news-request@example.org", ("bob@example.org",))
        found = await directory.resolve("news-request@example.org")
        assert isinstance(found, Found)
        assert isinstance(found.targets[0], LocalTarget)
        await directory.lists.create(MailingList(0, "ring@example.org", ("ring-owner@example.org",)))
        with pytest.raises(AliasTrouble):
            await directory.resolve("ring-owner@example.org")

    run(play)


def test_tokens_and_bounces_of_members(run: Run) -> None:
    async def play(directory: AnyDirectory) -> None:
        clock, lists = directory._clock, directory.lists
        assert isinstance(clock, FakeClock)
        await lists.create(NEWS)
        await lists.add_members("news@example.org", ("bob@b.test", "carol@c.test"))
        bob, carol = await lists.members(1)
        first, second = await lists.tokens("bounces", [bob, carol])
        assert first != second
        assert await lists.member_by_token("bounces", first) == bob
        assert await lists.member_by_token("unsubscribe", first) is None
        for forged in (
            "",
            "1",
            first[:-1] + "\u00e4",
            second.replace("2-", "1-"),
            "9-aaaaaaaaaaaa",
            "9" * 20 + "-aaaaaaaaaaaa",
        ):
            assert await lists.member_by_token("bounces", forged) is None
        await directory.rotate_secret()
        assert await lists.member_by_token("bounces", first) == bob
        once = lists.after_bounce(bob, "q1")
        assert (once.bounces, once.suspended) == (1, False)
        await lists.keep(once)
        assert lists.after_bounce(once, "q1") is once  # counted already
        twice = lists.after_bounce(once, "q2")
        assert (twice.bounces, twice.suspended) == (2, True)
        await lists.keep(twice)
        assert (await lists.members(1))[0] == twice
        await lists.resume("news@example.org", "bob@b.test")
        assert (await lists.members(1))[0].suspended is False
        await clock.advance(101)
        assert lists.after_bounce(once, "q3").bounces == 1  # the first is forgotten
        await lists.remove_member(bob)
        await lists.keep(twice)  # too late: nothing happens
        assert await lists.members(1) == [carol]
        assert await lists.member_by_token("bounces", first) is None

    run(play, max_list_bounces=2, list_bounce_memory_seconds=100.0)
