"""`postroom check message`, with a name server on loopback."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.room import SETTINGS, Room
from tests.intake.strangers import Zones, key_record, letter, signed, spf

from postroom.cli.check_message import Way, way
from postroom.dns import TestDnsServer
from postroom.intake import Source
from postroom.intake.trace import TraceWriter

ZONES: Zones = {
    "bar.com": spf("v=spf1 ip4:192.0.2.7 -all") | {"A": ["192.0.2.7"]},
    "_dmarc.bar.com": {"TXT": ["v=DMARC1; p=reject"]},
    "7.2.0.192.in-addr.arpa": {"PTR": ["bar.com"]},
    **key_record("bar.com"),
}
BY_SPF = 'bar.com lets 192.0.2.7 send its mail: ip4:192.0.2.7; record "v=spf1 ip4:192.0.2.7 -all"'
CAME = ("--client", "192.0.2.7", "--hello", "bar.com", "--mail-from", "a@bar.com")


def check(room: Room, octets: bytes, *arguments: str, limit: int = 262_144, suffixes: str = "") -> Result:
    path = room.config.parent / "mail.eml"
    path.write_bytes(octets)

    async def go() -> Result:
        async with TestDnsServer(ZONES) as server:
            dns = f'[dns]\nnameservers = ["{server.address}"]\n'
            room.config.write_text(f"{SETTINGS}{dns}[authentication]\nmax_header_octets = {limit}\n{suffixes}")
            return await asyncio.to_thread(room.run, "check", "message", *arguments, str(path))

    return asyncio.run(go())


def test_each_verdict_with_its_evidence(room: Room) -> None:
    result = check(room, signed(letter(), "bar.com"), *CAME)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "from bar.com [192.0.2.7], <a@bar.com>",
        "author: alice@bar.com",
        "reverse name: pass: 192.0.2.7 is called bar.com, and bar.com has this address",
        f"SPF: pass for HELO bar.com: {BY_SPF}",
        f"SPF: pass for MAIL FROM <a@bar.com>: {BY_SPF}",
        "DKIM: pass for d=bar.com s=s1 ed25519-sha256: signed by bar.com",
        'DMARC: pass for bar.com: aligned by spf (bar.com) and dkim (bar.com); record "v=DMARC1; p=reject" of bar.com',
        "alignment: spf pass for bar.com: the author's own domain",
        "alignment: dkim pass for bar.com: the author's own domain",
        "points: -1.0 dmarc.pass: bar.com shows that it sent it",
        "points: +0.5 history.none: nothing is remembered of 192.0.2.0/24",
        "points: -0.5 in all",
        "it would be taken",
    ]


def test_what_speaks_against_it(room: Room) -> None:
    limits = "[scoring]\ntag_points = 1\njunk_points = 2.5\n"
    came = ("--client", "203.0.113.1", "--hello", "localhost", "--mail-from", "a@nowhere.com")
    result = check(room, letter("x@nowhere.com"), *came, suffixes=limits)
    assert result.stdout.splitlines()[-5:] == [
        "points: +1.5 name.none: the reverse DNS has no name for 203.0.113.1 (PTR)",
        "points: +1.5 hello.bare: it calls itself localhost, which is no name of a host",
        "points: +0.5 history.none: nothing is remembered of 203.0.113.0/24",
        "points: 3.5 in all",
        "it would go into Junk: by its points",
    ]
    assert not (room.data / "reputation.db").exists()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_file_may_have_either_line_end(room: Room, line_end: bytes) -> None:
    result = check(room, signed(letter(body="x\r\n" * 50_000), "bar.com").replace(b"\r\n", line_end))
    assert "DKIM: pass" in result.stdout
    assert "SPF and the reverse name are not checked" in result.stdout
    assert result.stdout.endswith("it would be taken\n")


def test_what_a_server_would_do_is_told(room: Room) -> None:
    result = check(room, letter(), "--client", "198.51.100.9", "--mail-from", "", "--hello", "x.test")
    assert "DKIM: there is no signature" in result.stdout
    assert "it would be refused: nothing shows that bar.com sent it; its policy asks to reject" in result.stdout
    told = json.loads(check(room, letter(), *CAME, "--json").stdout)
    assert (told["client"], told["action"], told["dkim"]) == ("192.0.2.7", "accept", [])


def test_how_it_came_stands_in_our_own_fields(room: Room) -> None:
    trace = TraceWriter(
        Source("bar.com", "192.0.2.7"),
        hostname="mail.example.org",
        trace_id="m1",
        now=0,
        mail_from="a@bar.com",
        smtputf8=False,
    )
    result = check(room, trace.final("bob@example.org") + letter())
    assert result.stdout.startswith("from bar.com [192.0.2.7], <a@bar.com>\n")
    assert "SPF: pass for MAIL FROM <a@bar.com>" in result.stdout


def test_standard_input_will_do(room: Room) -> None:
    assert "it would be refused" in room.ok("check", "message", "-", stdin="Subject: x\n\nno author\n")


def test_the_public_suffix_list_is_gone_by(room: Room, tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    setting = f'public_suffix_list = "{path}"\n'
    missing = check(room, letter(), *CAME, suffixes=setting)
    assert missing.exit_code == 1
    assert "authentication.public_suffix_list" in missing.stderr
    path.write_text("com\nbar.com\n")  # so that two names below bar.com are two organisations
    forged = signed(letter("alice@a.bar.com"), "bar.com")
    assert "DMARC: pass" in check(room, forged).stdout
    assert "DMARC: fail" in check(room, forged, suffixes=setting).stdout


def test_what_can_not_be_read(room: Room, tmp_path: Path) -> None:
    result = check(room, b"X: " + b"y" * 200_000, limit=16_384)
    assert result.exit_code == 1
    assert "more than 16384 octets" in result.stderr
    assert check(room, letter(), "--client", "bar.com").exit_code == 2
    assert room.run("check", "message", str(tmp_path / "none")).exit_code == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", Way()),
        ("Return-Path: <>\r\n", Way(mail_from="")),
        (
            "Return-Path: <a@b.c>\r\nReceived: from x ([192.0.2.1])\r\n\tby other.org (Postroom) with ESMTP\r\n",
            Way("", "", "a@b.c"),
        ),
        (
            "Received: from x ([IPv6:2001:db8::1])\r\n\tby Mail.example.org (Postroom) with UTF8SMTPS (TLS)\r\n",
            Way("2001:db8::1", "x"),
        ),
        ("Received: from x (local socket)\r\n\tby mail.example.org (Postroom) with LMTP\r\n", Way()),
        ("Received: from x (signed in)\r\n\tby mail.example.org (Postroom) with ESMTPSA\r\n", Way()),
        ("Received: from x ([192.0.2.1])\r\n\tby mail.example.org (Postroom) with ESMTPSA\r\n", Way()),
    ],
)
def test_whose_fields_are_believed(fields: str, expected: Way) -> None:
    assert way(fields.encode() + b"Subject: x\r\n\r\n", "mail.example.org") == expected
