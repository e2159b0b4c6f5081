"""Certificates that are kept: ordered, renewed, told of when they can't be had."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.acme.fake_authority import DIRECTORY, FakeAuthority
from tests.acme.test_kept import pair
from tests.acme.test_ordering import QuickClock
from tests.mailauth.authority import issue

from postroom.acme import AcmeSettings, Answers, CertificateKeeper, Kept, OrderFailed, State
from postroom.acme.jws import new_key
from postroom.acme.service import check_chain, dns_changer
from postroom.dns import StaticResolver

DAY = 86_400.0
HERE = ["192.0.2.1"]


class Clock(QuickClock):
    def __init__(self) -> None:
        super().__init__()
        self.moment = 1_790_000_000.0

    def now(self) -> float:
        return self.moment


class House:
    """A server's keeper with its authority, which looks for the answers where they are."""

    def __init__(self, folder: Path, *, web: bool = True, **settings: Any) -> None:
        self.clock = Clock()
        self.kept = Kept(folder)
        answers = Answers(self.kept.acme)
        self.authority = FakeAuthority(self.clock.now, lambda kind, name, token, _: answers.http(token) is not None)
        self.told: list[tuple[str, str]] = []
        self.resolver = StaticResolver(a_records={"mta-sts.a.test": HERE}, aaaa_records={"autoconfig.a.test": ["::2"]})
        self.keeper = CertificateKeeper(
            kept=self.kept,
            settings=AcmeSettings(directory=DIRECTORY, terms_agreed=True, **settings),
            hostname="mail.a.test",
            web_served=web,
            domains=self.domains,
            resolver=self.resolver,
            clock=self.clock,
            web=self.authority,
            tell=self.tell,
        )

    async def domains(self) -> list[str]:
        return ["a.test"]

    async def tell(self, subject: str, text: str) -> None:
        self.told.append((subject, text))


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_what_is_missing_is_ordered_once_and_renewed_with_a_third_left(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        assert await house.keeper.look() == 2
        assert house.kept.names("hostname") == ("mail.a.test",)
        assert house.kept.names("a.test") == ("mta-sts.a.test", "autoconfig.a.test")  # autodiscover has no address
        assert await house.keeper.look() == 0
        key = house.kept.key("hostname")
        house.clock.moment += 59 * DAY
        assert await house.keeper.look() == 0
        house.clock.moment += 2 * DAY
        assert await house.keeper.look() == 2
        assert house.kept.key("hostname") == key
        assert len(house.authority.accounts) == 1
        assert not house.told

    run(main())


def test_a_name_that_appears_later_is_had_too(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path)
        await house.keeper.look()
        house.resolver.a_records["autodiscover.a.test"] = HERE
        assert await house.keeper.look() == 1
        assert len(house.kept.names("a.test")) == 3

    run(main())


def test_keys_are_new_when_the_settings_say_so_or_one_was_prepared(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path / "1", web=False, keep_keys=False)
        await house.keeper.look()
        first = house.kept.key("hostname")
        house.clock.moment += 61 * DAY
        await house.keeper.look()
        assert house.kept.key("hostname") != first
        other = House(tmp_path / "2", web=False)
        await other.keeper.look()
        prepared = other.kept.next_key("hostname", make=True)
        other.clock.moment += 61 * DAY
        await other.keeper.look()
        assert prepared is not None
        assert other.kept.key("hostname") == prepared.strip()

    run(main())


def test_failures_are_told_daily_and_tried_again_ever_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        house = House(tmp_path, web=False)
        house.authority.looks = lambda *_: False
        tries = []
        for hour in range(72):
            before = house.kept.state("hostname").failures
            await house.keeper.look()
            if house.kept.state("hostname").failures > before:
                tries.append(hour)
            house.clock.moment += 3600
        assert tries == [0, 1, 3, 7, 15, 31, 55]
        assert [subject for subject, _ in house.told] == ["No certificate for mail.a.test"] * 3
        assert "unauthorized: nothing there for mail.a.test" in house.told[0][1]
        assert "There is none yet." in house.told[0][1]
        house.authority.looks = lambda *_: True
        house.clock.moment += DAY
        assert await house.keeper.look() == 1
        assert house.kept.state("hostname").failures == 0

    with caplog.at_level(logging.ERROR):
        run(main())
    assert sum("could not be had" in text for text in caplog.messages) == 3
    assert sum(text.startswith("no certificate for mail.a.test: ") for text in caplog.messages) == 7


def test_an_old_certificate_stays_while_no_new_one_can_be_had(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, web=False)
        await house.keeper.look()
        old = house.kept.certificate("hostname")
        house.authority.down = True
        house.clock.moment += 61 * DAY
        assert await house.keeper.look() == 0
        assert house.kept.certificate("hostname") == old
        [(_, text)] = house.told
        assert "ca.test: connection refused" in text
        assert "The one in use ends on " in text

    run(main())


def test_the_authority_may_ask_for_patience(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, web=False)
        house.authority.refuse_orders = (429, "rateLimited", {"retry-after": "36000"})
        await house.keeper.look()
        assert house.kept.state("hostname").next_try == house.clock.moment + 36_000

    run(main())


def test_an_account_that_the_authority_has_forgotten_is_made_again(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, web=False)
        await house.keeper.look()
        house.authority._keys.clear()
        house.clock.moment += 61 * DAY
        assert await house.keeper.look() == 1

    run(main())


def test_damage_to_one_does_not_keep_the_others_from_renewal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        house = House(tmp_path)
        house.kept.put_state("hostname", State())
        house.kept.path("hostname").with_name("state.json").write_text("{")
        assert await house.keeper.look() == 1
        assert house.kept.names("a.test")

    run(main())
    assert "certificate hostname: " in caplog.text


def test_a_chain_that_does_not_belong_leaves_the_old_one(tmp_path: Path) -> None:
    key, chain = pair(tmp_path, issue("mail.a.test"))
    check_chain(chain, key, ("MAIL.a.test",))
    with pytest.raises(OrderFailed, match="of another key"):
        check_chain(chain, new_key(), ("mail.a.test",))
    with pytest.raises(OrderFailed, match=r"is for mail\.a\.test"):
        check_chain(chain, key, ("mail.a.test", "b.test"))
    with pytest.raises(OrderFailed, match="no certificate"):
        check_chain(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", key, ())


def test_another_process_that_orders_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, web=False)
        with Kept(tmp_path).alone():
            assert await house.keeper.look() == 0
        assert await house.keeper.look() == 1

    run(main())


def test_without_an_authority_nothing_runs(tmp_path: Path) -> None:
    async def main() -> None:
        house = House(tmp_path, web=False)
        idle = CertificateKeeper(
            kept=house.kept,
            settings=AcmeSettings(),
            hostname="mail.a.test",
            web_served=False,
            domains=house.domains,
            resolver=house.resolver,
            clock=house.clock,
            web=house.authority,
        )
        idle.start()
        house.keeper.start()
        for _ in range(2000):
            await asyncio.sleep(0)
        assert house.kept.names("hostname") == ("mail.a.test",)
        await house.keeper.close()
        await idle.close()

    run(main())


def test_a_secret_that_can_not_be_read_is_told_without_it(tmp_path: Path) -> None:
    settings = AcmeSettings(
        directory=DIRECTORY,
        terms_agreed=True,
        challenge="dns-01",
        dns_server="127.0.0.1:53",
        dns_key_name="acme",
        dns_key_file=str(tmp_path / "none"),
    )
    with pytest.raises(OrderFailed, match="none: No such file"):
        dns_changer(settings)
    (tmp_path / "none").write_text("no base64, sesame")
    with pytest.raises(OrderFailed) as caught:
        dns_changer(settings)
    assert "sesame" not in str(caught.value)
