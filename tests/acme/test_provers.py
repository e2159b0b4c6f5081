"""Proofs where the authority looks for them."""

import asyncio
import logging
from pathlib import Path

import pytest

from postroom.acme.answers import Answers
from postroom.acme.challenges import dns_value
from postroom.acme.dns_update import UpdateFailed
from postroom.acme.provers import AlpnProver, CommandChanger, DnsProver, HttpProver, ProofFailed, UpdateChanger
from postroom.base import FakeClock, SystemClock


def test_files_are_there_for_as_long_as_the_order_lasts(tmp_path: Path) -> None:
    async def main() -> None:
        answers = Answers(tmp_path)
        http, alpn = HttpProver(answers), AlpnProver(answers, FakeClock())
        await http.prove("a.test", "tok", "tok.print")
        await http.settle()
        assert answers.http("tok") == b"tok.print"
        await alpn.prove("a.test", "tok", "tok.print")
        await alpn.settle()
        assert answers.context("a.test", ["acme-tls/1"]) is not None
        with pytest.raises(ProofFailed):
            await http.prove("a.test", "../tok", "x")
        with pytest.raises(ProofFailed):
            await alpn.prove("*.a.test", "tok", "x")
        await http.clean()
        await alpn.clean()
        assert answers.http("tok") is None
        assert not answers.wanted

    asyncio.run(main())


def command(folder: Path, body: str) -> list[str]:
    script = folder / "txt.sh"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return [str(script), "zone 1"]


def test_a_command_is_given_what_to_do_and_waited_for(tmp_path: Path) -> None:
    async def main() -> None:
        log = tmp_path / "log"
        changer = CommandChanger(command(tmp_path, f'printf "%s|" "$@" >> {log}'), 10)
        prover = DnsProver(changer, SystemClock(), 0.0)
        await prover.prove("a.test", "tok", "tok.print")
        await prover.settle()
        await prover.clean()
        value = dns_value("tok.print")
        assert log.read_text() == "".join(
            f"zone 1|{action}|_acme-challenge.a.test|{value}|" for action in ("add", "remove")
        )

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "words"),
    [("echo no such zone >&2; exit 3", "add ended with 3: no such zone"), ("exec sleep 10", "longer than 0.2 s")],
)
def test_a_command_that_fails(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(ProofFailed, match=words):
        CommandChanger(command(tmp_path, body), 0.2).change("add", "n", "v")


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(ProofFailed, match="/no/such"):
        CommandChanger(["/no/such"], 1).change("add", "n", "v")


class _Server:
    def add(self, name: str, text: str) -> None:
        raise UpdateFailed("REFUSED")

    remove = add


def test_what_is_left_over_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        prover = DnsProver(UpdateChanger(_Server()), SystemClock(), 0.0)  # type: ignore[arg-type]
        with pytest.raises(ProofFailed, match="REFUSED"):
            await prover.prove("a.test", "tok", "tok.print")
        with caplog.at_level(logging.WARNING):
            await prover.clean()

    asyncio.run(main())
    assert caplog.messages == ["the record _acme-challenge.a.test is left over: REFUSED"]
