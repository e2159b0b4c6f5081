"""Each mechanism from the first response to a person or a refusal."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
import scramp

from postroom.accounts import CredentialExpired, DirectoryFailure, Person
from postroom.base import MailError
from postroom.sasl import SCRAM_MECHANISMS, Challenge
from postroom.signin import Client, Exchange, Refused, SignedIn, Step

from .people import BOB, BUSY, CAROL, GONE, PASSWORD, Desk, client


def run(play: Callable[[Desk], Coroutine[None, None, None]]) -> None:
    asyncio.run(play(Desk()))


def exchange(desk: Desk, mechanism: str, who: Client | None = None) -> Exchange:
    made = desk.sign_in.exchange(mechanism, who or client())
    assert made is not None
    return made


async def by_scram(desk: Desk, mechanism: str, user: str, password: str, who: Client | None = None) -> Step:
    """What another implementation's client comes to; it has checked the server's signature."""
    binding = ("tls-server-end-point", b"hash of the certificate") if mechanism.endswith("-PLUS") else None
    peer = scramp.ScramClient([mechanism], user, password, channel_binding=binding)
    under_way = exchange(desk, mechanism, who)
    step = await under_way.step(peer.get_client_first().encode())
    assert isinstance(step, Challenge)
    peer.set_server_first(step.data.decode())
    step = await under_way.step(peer.get_client_final().encode())
    if not isinstance(step, Challenge):
        return step
    peer.set_server_final(step.data.decode())
    return await under_way.step(b"")


def person(step: Step) -> Person:
    assert isinstance(step, SignedIn)
    return step.person


@pytest.mark.parametrize("mechanism", SCRAM_MECHANISMS)
def test_scram(mechanism: str) -> None:
    async def play(desk: Desk) -> None:
        assert person(await by_scram(desk, mechanism, BOB, PASSWORD)).address == BOB
        assert desk.people.proofs == [(BOB, 1, "imap")] * 2  # before the server's last word, and after its answer
        assert desk.guard.good == [("192.0.2.1", BOB)]

    run(play)


def test_scram_fails_alike_for_everybody() -> None:
    async def play(desk: Desk) -> None:
        wrong = await by_scram(desk, "SCRAM-SHA-256", BOB, "wrong")
        nobody = await by_scram(desk, "SCRAM-SHA-256", "nobody@foo.com", PASSWORD)
        gone = await by_scram(desk, "SCRAM-SHA-256", GONE, PASSWORD)
        assert [step.kind for step in (wrong, nobody, gone) if isinstance(step, Refused)] == ["credentials"] * 3
        assert [name for _, name in desk.guard.failed] == [BOB, "nobody@foo.com", GONE]

    run(play)


def test_scram_wants_an_empty_answer_to_its_last_word() -> None:
    async def play(desk: Desk) -> None:
        peer = scramp.ScramClient(["SCRAM-SHA-256"], BOB, PASSWORD)
        under_way = exchange(desk, "SCRAM-SHA-256")
        first = await under_way.step(peer.get_client_first().encode())
        assert isinstance(first, Challenge)
        peer.set_server_first(first.data.decode())
        last = await under_way.step(peer.get_client_final().encode())
        assert isinstance(last, Challenge)
        assert isinstance(await under_way.step(b"more"), Refused)

    run(play)


def test_bug_scram_signed_in_who_was_disabled_before_the_last_answer() -> None:
    """The client may take its time with that answer: whether the credential is still good is asked when it comes."""

    async def play(desk: Desk) -> None:
        peer = scramp.ScramClient(["SCRAM-SHA-256"], BOB, PASSWORD)
        under_way = exchange(desk, "SCRAM-SHA-256")
        first = await under_way.step(peer.get_client_first().encode())
        assert isinstance(first, Challenge)
        peer.set_server_first(first.data.decode())
        assert isinstance(await under_way.step(peer.get_client_final().encode()), Challenge)
        desk.people.people[BOB] = replace(desk.people.people[BOB], enabled=False)
        answer = await under_way.step(b"")
        assert isinstance(answer, Refused)
        assert answer.kind == "credentials"
        assert desk.guard.good == []

    run(play)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_bug_a_guess_under_way_when_the_ban_came_was_still_answered(password: str) -> None:
    """With a proof kept ready on each of a thousand connections, a thousand guesses would count as twenty. Neither the
    server's signature nor the kind of the refusal tells whether it was right."""

    async def play(desk: Desk) -> None:
        peer = scramp.ScramClient(["SCRAM-SHA-256"], BOB, password)
        under_way = exchange(desk, "SCRAM-SHA-256")
        first = await under_way.step(peer.get_client_first().encode())
        assert isinstance(first, Challenge)
        peer.set_server_first(first.data.decode())
        desk.guard.ban = "192.0.2.1"
        answers = [await under_way.step(peer.get_client_final().encode())]
        answers.append(await exchange(desk, "PLAIN").step(f"\0{BOB}\0{password}".encode()))
        assert [answer.kind for answer in answers if isinstance(answer, Refused)] == ["banned"] * 2
        assert (desk.guard.good, desk.guard.failed) == ([], [])

    run(play)


def test_nobody_acts_as_somebody_else_by_plain() -> None:
    async def play(desk: Desk) -> None:
        right = await exchange(desk, "PLAIN").step(f"{CAROL}\0{BOB}\0{PASSWORD}".encode())
        wrong = await exchange(desk, "PLAIN").step(f"{CAROL}\0{BOB}\0no".encode())
        assert isinstance(right, Refused)
        assert isinstance(wrong, Refused)
        assert (right.kind, wrong.kind) == ("authorization", "credentials")

    run(play)


def test_plain_and_login() -> None:
    async def play(desk: Desk) -> None:
        assert person(await exchange(desk, "plain").step(f"\0{BOB}\0{PASSWORD}".encode())).address == BOB
        under_way = exchange(desk, "LOGIN")
        assert await under_way.step(None) == Challenge(b"Username:")
        assert await under_way.step(BOB.encode()) == Challenge(b"Password:")
        assert person(await under_way.step(PASSWORD.encode())).address == BOB

    run(play)


def bearer(token: str, name: str = "") -> bytes:
    return f"n,{'a=' + name if name else ''},\x01auth=Bearer {token}\x01\x01".encode()


def test_tokens() -> None:
    async def play(desk: Desk) -> None:
        assert person(await exchange(desk, "OAUTHBEARER").step(bearer("token-of-bob"))).address == BOB
        assert person(await exchange(desk, "OAUTHBEARER").step(bearer("token-of-bob", BOB.upper()))).address == BOB
        xoauth2 = f"user={BOB}\x01auth=Bearer token-of-bob\x01\x01".encode()
        assert person(await exchange(desk, "XOAUTH2").step(xoauth2)).address == BOB

    run(play)


@pytest.mark.parametrize("token", ["", "forged", "token-of-gone", "token-of-nobody"])
def test_a_refused_token_has_its_own_challenge_and_one_count(token: str) -> None:
    async def play(desk: Desk) -> None:
        under_way = exchange(desk, "OAUTHBEARER")
        told = await under_way.step(bearer(token))
        assert isinstance(told, Challenge)
        assert json.loads(told.data) == {
            "status": "invalid_token",
            "scope": "mail",
            "openid-configuration": "https://issuer.example/.well-known/openid-configuration",
        }
        assert len(desk.guard.failed) == (1 if token else 0)  # also when the client cancels now; to ask is no failure
        refused = await under_way.step(b"\x01")
        assert isinstance(refused, Refused)
        assert refused.kind == "credentials"
        assert len(desk.guard.failed) == (1 if token else 0)
        assert token == "" or token not in refused.words

    run(play)


def test_the_token_of_another_does_not_do() -> None:
    async def play(desk: Desk) -> None:
        refused = await exchange(desk, "OAUTHBEARER").step(bearer("token-of-bob", CAROL))
        assert isinstance(refused, Refused)
        assert refused.kind == "authorization"

    run(play)


def test_an_issuer_that_is_down_is_no_refusal() -> None:
    async def play(desk: Desk) -> None:
        desk.issuer.down = True
        refused = await exchange(desk, "OAUTHBEARER").step(bearer("token-of-bob"))
        assert isinstance(refused, Refused)
        assert refused.kind == "unavailable"
        assert desk.guard.failed == []

    run(play)


@pytest.mark.parametrize(
    ("names", "authzid", "outcome"),
    [
        ((BOB,), "", BOB),
        ((BOB,), BOB.upper(), BOB),
        (("nobody@foo.com", BOB), "", BOB),
        ((BOB, CAROL), CAROL, CAROL),
        ((BOB, CAROL), "", "credentials"),  # which of them?
        ((BOB,), CAROL, "authorization"),
        ((), "", "credentials"),
        ((), BOB, "credentials"),
        ((GONE,), "", "credentials"),
    ],
)
def test_external(names: tuple[str, ...], authzid: str, outcome: str) -> None:
    async def play(desk: Desk) -> None:
        step = await exchange(desk, "EXTERNAL", client(names=names)).step(authzid.encode())
        assert (
            step.person.address if isinstance(step, SignedIn) else isinstance(step, Refused) and step.kind
        ) == outcome

    run(play)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(BUSY, "busy"), (CredentialExpired("x"), "expired"), (DirectoryFailure("disk"), "unavailable")],
)
def test_trouble_is_no_refusal(trouble: MailError, kind: str) -> None:
    async def play(desk: Desk) -> None:
        desk.people.trouble = trouble
        refused = await exchange(desk, "PLAIN").step(f"\0{BOB}\0{PASSWORD}".encode())
        assert isinstance(refused, Refused)
        assert refused.kind == kind
        refused = await exchange(desk, "SCRAM-SHA-256").step(f"n,,n={BOB},r=x".encode())
        assert isinstance(refused, Refused)
        assert refused.kind == kind
        assert desk.guard.failed == []

    run(play)


def test_a_downgraded_exchange_is_refused() -> None:
    """The client can bind, and somebody has taken -PLUS out of our offer."""

    async def play(desk: Desk) -> None:
        refused = await exchange(desk, "SCRAM-SHA-256").step(f"y,,n={BOB},r=x".encode())
        assert isinstance(refused, Refused)
        unbound = exchange(desk, "SCRAM-SHA-256", client(channel_binding=None))
        assert isinstance(await unbound.step(f"y,,n={BOB},r=x".encode()), Challenge)

    run(play)
