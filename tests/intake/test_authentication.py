"""Whose mail is checked, what is done about it, and what trouble with the DNS comes to. Over real sockets."""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import pytest
from tests.intake.strangers import Strangers, Zones, field_values, found_in, key_record, letter, signed, spf
from tests.intake.strangers import with_strangers as run
from tests.servers.smtp.room import PASSWORD, Client, client

from postroom.accounts import MailingList
from postroom.base import SystemClock
from postroom.dns import DnsSettings, StaticResolver
from postroom.intake import Authentication, AuthenticationSettings, Source
from postroom.intake.authentication import Checked
from postroom.mailauth.dkim import DkimVerdict
from postroom.mailauth.dmarc import DmarcResult, DmarcVerdict, Policy
from postroom.mailauth.dmarc.aggregate import Reason
from postroom.mailauth.spf import SpfVerdict

ZONES: Zones = {
    "bar.com": spf("v=spf1 ip4:127.0.0.1 -all") | {"A": ["127.0.0.1"]},
    "_dmarc.bar.com": {"TXT": ["v=DMARC1; p=reject"]},
    "bank.com": spf("v=spf1 ip4:192.0.2.1 -all exp=why.bank.com"),
    "why.bank.com": {"TXT": ["See bank.com/mail for %{s}"]},
    "_dmarc.bank.com": {"TXT": ["v=DMARC1; p=reject"]},
    "open.com": spf("v=spf1 ip4:192.0.2.1 -all"),
    "mild.com": {"A": ["192.0.2.1"]},
    "_dmarc.mild.com": {"TXT": ["v=DMARC1; p=quarantine"]},
    "1.0.0.127.in-addr.arpa": {"PTR": ["bar.com"]},
    **key_record("bank.com"),
    **key_record("bar.com"),
}
BANK, MILD, BAR = letter("ceo@bank.com"), letter("ceo@mild.com"), letter()
FORGED = "Authentication-Results: foo.com; dmarc=pass header.from=bank.com"
AUTH = "AUTH PLAIN AGJvYkBmb28uY29tADEyMzQ="  # bob@foo.com


async def send(peer: Client, octets: bytes, *recipients: str, sender: str = "a@bar.com") -> str:
    """The last reply."""
    said = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients or ("bob@foo.com",)), "DATA"]
    replies = await peer.say(*said)
    assert replies[-1].startswith("354"), replies
    return (await peer.say(octets.removesuffix(b"\r\n") + b"\r\n."))[0]


# ---- who is checked


def test_the_verdicts_stand_above_received() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await send(peer, signed(BAR, "bar.com"))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        names = [line.partition(b":")[0] for line in message.split(b"\r\n") if line[:1] not in (b" ", b"\t")]
        assert names[:3] == [b"Return-Path", b"Authentication-Results", b"Received"]
        found = found_in(message)
        told = [(one.method, one.result, one.properties) for one in found.results]
        assert told[:3] == [
            ("iprev", "pass", (("policy", "iprev", "127.0.0.1"),)),
            ("spf", "pass", (("smtp", "helo", "bar.com"),)),
            ("spf", "pass", (("smtp", "mailfrom", "a@bar.com"),)),
        ]
        dkim = found.only("dkim")
        assert dkim is not None
        assert dkim.result == "pass"
        assert [dkim.value("header", name) for name in "dis"] == ["bar.com", "@bar.com", "s1"]
        assert told[4] == ("dmarc", "pass", (("header", "from", "bar.com"),))
        assert b"Received-SPF" not in message

    run(ZONES, body)


def test_received_spf_where_it_is_wanted() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            await send(peer, BAR)
        (message,) = await room.messages("bob@foo.com")
        (value,) = field_values(message, "Received-SPF")
        assert value.startswith(b"pass\t(bar.com lets 127.0.0.1")
        assert b'client-ip=127.0.0.1;\tenvelope-from="a@bar.com";\thelo=bar.com;\tidentity=mailfrom;' in value

    run(ZONES, body, received_spf=True)


def test_a_listener_may_leave_it_and_still_lets_nobody_speak_in_our_name() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "unchecked") as peer:
            assert (await send(peer, letter("ceo@bank.com", FORGED))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        assert field_values(message, "Authentication-Results") == []
        assert room.dns.questions == []

    run(ZONES, body)


def test_all_may_be_turned_off() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await send(peer, letter("ceo@bank.com", FORGED))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        assert field_values(message, "Authentication-Results") == []
        assert room.dns.questions == []

    run(ZONES, body, check=False)


def test_relays_that_are_trusted_are_not_checked_and_keep_their_results() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await send(peer, letter("ceo@bank.com", FORGED))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        assert field_values(message, "Authentication-Results") == [FORGED.encode().partition(b": ")[2]]
        assert room.dns.questions == []

    run(ZONES, body, trusted_networks=("127.0.0.0/8",))


def test_lmtp_never_checks() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "lmtp", hello="LHLO bar.com") as peer:
            assert (await send(peer, letter("ceo@bank.com", FORGED))).startswith("250")
        assert room.dns.questions == []

    run(ZONES, body)


def test_people_who_sign_in_are_not_checked_and_write_no_results() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "submission") as peer:
            assert (await peer.say(AUTH))[0].startswith("235")
            text = letter("bob@foo.com", FORGED)
            assert (await send(peer, text, "jones@foo.com", sender="bob@foo.com")).startswith("250")
        (message,) = await room.messages("jones@foo.com")
        assert field_values(message, "Authentication-Results") == []
        assert room.dns.questions == []

    assert PASSWORD == "1234"
    run(ZONES, body)


def test_results_of_others_stay() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            await send(peer, letter("alice@bar.com", "Authentication-Results: list.org; dkim=pass", FORGED))
        (message,) = await room.messages("bob@foo.com")
        assert b"list.org; dkim=pass" in field_values(message, "Authentication-Results")
        assert found_in(message).only("dmarc") is not None

    run(ZONES, body)


def test_a_header_without_end_is_refused() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            reply = await send(peer, b"".join(b"X-%d: %b\r\n" % (n, b"x" * 900) for n in range(300)) + BAR)
            assert reply.startswith("552 5.3.4")
            assert (await send(peer, BAR)).startswith("250")

    run(ZONES, body)


# ---- what follows


def test_a_refusal_says_why_and_the_journal_too() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            reply = await send(peer, BANK, "bob@foo.com", "jones@foo.com")
            assert reply.startswith("550 5.7.1 Refused by the DMARC policy of bank.com")
        noted = room.notes.last("checked")
        assert noted["action"] == "reject"
        assert noted["why"] == "nothing shows that bank.com sent it; its policy asks to reject"
        assert noted["spf"][1].startswith("pass for MAIL FROM <a@bar.com>: ")
        assert noted["dmarc"].startswith("fail for bank.com: ")
        assert room.notes.last("refused")["reply"] == reply
        assert [step for step, _ in room.notes.taken] == ["received", "checked", "refused"]

    run(ZONES, body)


def test_what_is_refused_elsewhere_reaches_the_postmaster_in_junk() -> None:
    async def body(room: Strangers) -> None:
        await room.directory.set_alias("postmaster@foo.com", ("bob@foo.com",))
        async with client(room, "smtp") as peer:
            assert (await send(peer, BANK, "postmaster@foo.com", "jones@foo.com")).startswith("550")
            assert (await send(peer, BANK, "postmaster@foo.com")).startswith("250")
        assert await room.messages("jones@foo.com") == []
        assert await room.messages("bob@foo.com") == []
        (message,) = await room.messages("bob@foo.com", "Junk")
        found = found_in(message).only("dmarc")
        assert found is not None
        assert found.result == "fail"
        assert room.notes.last("checked")["action"] == "quarantine"

    run(ZONES, body)


def test_the_postmaster_may_be_closed_to_it_too() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await send(peer, BANK, "postmaster@foo.com")).startswith("550 5.7.1")

    run(ZONES, body, to_postmaster="reject")


@pytest.mark.parametrize("hold", [False, True])
def test_quarantine_goes_to_junk_at_once_or_later(hold: bool) -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            recipients = ("bob+lists@foo.com", "jones@foo.com")
            extra = " NOTIFY=SUCCESS" if hold else ""  # a report is due, so the queue delivers
            said = ["MAIL FROM:<a@bar.com>", *(f"RCPT TO:<{one}>{extra}" for one in recipients), "DATA"]
            assert (await peer.say(*said))[-1].startswith("354")
            assert (await peer.say(MILD + b"."))[0].startswith("250")
        for entry in await room.queue.entries() if hold else ():
            octets = await room.queue.read(entry.message.message_id, 0, 1 << 20)

            async def content(octets: bytes = octets):  # type: ignore[no-untyped-def]
                yield octets

            await room.intake.deliver_local(
                entry.message.envelope, entry.recipient.address, content(), entry.message.message_id
            )
        for one in ("bob@foo.com", "jones@foo.com"):
            assert await room.messages(one) == []
            (message,) = await room.messages(one, "Junk")
            dmarc = found_in(message).only("dmarc")
            assert dmarc is not None
            assert dmarc.value("policy", "dmarc") == "quarantine"
            assert b"Postroom-Quarantine: nothing shows that mild.com sent it" in message

    run(ZONES, body)


def test_a_list_takes_nothing_that_is_in_doubt() -> None:
    async def body(room: Strangers) -> None:
        await room.directory.lists.create(MailingList(0, "all@foo.com", ("bob@foo.com",), posting="anyone"))
        async with client(room, "smtp") as peer:
            assert (await send(peer, MILD, "bob@foo.com", "all@foo.com")).startswith("550 5.7.1 The list takes no mail")
            assert (await send(peer, BAR, "all@foo.com")).startswith("250")
        assert await room.messages("bob@foo.com", "Junk") == []

    run(ZONES, body)


@pytest.mark.parametrize(
    ("settings", "octets", "reply", "box"),
    [
        ({"dmarc_reject": "quarantine"}, BANK, "250", "Junk"),
        ({"dmarc_reject": "tag"}, BANK, "250", "INBOX"),
        ({"dmarc_quarantine": "reject"}, MILD, "550 5.7.1", ""),
        ({"broken_from": "tag"}, b"Subject: x\r\n\r\n", "250", "INBOX"),
        ({"broken_from": "quarantine"}, b"Subject: x\r\n\r\n", "250", "Junk"),
        ({"broken_from": "tag"}, b"From: x@open.com\r\n" + BANK, "550 5.7.1", ""),  # the strictest of its domains
    ],
)
def test_settings_have_the_last_word(settings: dict[str, str], octets: bytes, reply: str, box: str) -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await send(peer, octets)).startswith(reply)
        found = {one: len(await room.messages("bob@foo.com", one)) for one in ("INBOX", "Junk")}
        assert found == {one: int(one == box) for one in found}

    run(ZONES, body, None, **settings)


def test_spf_alone() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            assert (await send(peer, letter("x@open.com"), sender="x@open.com")).startswith(
                "550 5.7.23 SPF of open.com"
            )
            reply = await send(peer, letter("x@open.com"), sender="x@bank.com")
            assert reply.endswith("; that domain explains: See bank.com/mail for x@bank.com")
            # a signature shows that it is genuine, whoever forwards it
            assert (await send(peer, signed(BANK, "bank.com"), sender="x@bank.com")).startswith("250")

    run(ZONES, body, spf_fail="reject")


class Counts:
    """Takes what is to be reported."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str, list[str]]] = []

    def record(
        self,
        verdict: DmarcVerdict,
        spf: Sequence[SpfVerdict],
        dkim: Sequence[DkimVerdict],
        *,
        source_ip: str,
        disposition: Policy,
        reasons: Sequence[Reason] = (),
    ) -> None:
        self.taken.append((verdict.domain, source_ip, disposition.value, [one.comment for one in reasons]))


def test_each_message_is_counted_for_the_reports_to_its_author() -> None:
    async def body(room: Strangers) -> None:
        counts = Counts()
        assert room.authentication is not None
        room.authentication.counts = counts
        async with client(room, "smtp") as peer:
            await send(peer, BAR)
            await send(peer, BANK)
            await send(peer, MILD)
            room.dns.failing.add("_dmarc.open.com")
            await send(peer, letter("x@open.com"))  # is to come again, and counts then
        async with client(room, "unchecked") as peer:
            await send(peer, BANK)
        mild = "nothing shows that mild.com sent it; its policy asks to quarantine"
        assert counts.taken == [
            ("bar.com", "127.0.0.1", "none", []),
            ("bank.com", "127.0.0.1", "reject", []),
            ("mild.com", "127.0.0.1", "none", [mild]),
        ]

    run(ZONES, body, dmarc_quarantine="tag", dns_trouble="defer")


# ---- the DNS


def test_without_dns_mail_is_taken_with_a_temperror() -> None:
    async def body(room: Strangers) -> None:
        room.dns.failing |= {"bar.com", "bank.com", "_dmarc.bank.com", "s1._domainkey.bank.com"}
        async with client(room, "smtp") as peer:
            assert (await send(peer, signed(BANK, "bank.com"))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        results = {one.method: one.result for one in found_in(message).results}
        assert results == {"iprev": "temperror", "spf": "temperror", "dkim": "temperror", "dmarc": "temperror"}

    run(ZONES, body)


def test_without_dns_mail_may_be_asked_to_come_again() -> None:
    async def body(room: Strangers) -> None:
        room.dns.failing.add("_dmarc.bank.com")
        async with client(room, "smtp") as peer:
            assert (await send(peer, BANK)).startswith("451 4.7.0")
            room.dns.failing.clear()
            await asyncio.sleep(1.1)  # dns.failure_cache_seconds
            assert (await send(peer, BANK)).startswith("550 5.7.1")
        assert await room.messages("bob@foo.com") == []

    run(ZONES, body, dns_trouble="defer")


def test_a_key_that_is_not_to_be_had_is_no_reason_to_refuse() -> None:
    async def body(room: Strangers) -> None:
        room.dns.failing.add("s1._domainkey.bank.com")
        async with client(room, "smtp") as peer:
            assert (await send(peer, signed(BANK, "bank.com"))).startswith("250")
        (message,) = await room.messages("bob@foo.com")
        dmarc = found_in(message).only("dmarc")
        assert dmarc is not None
        assert dmarc.result == "temperror"

    run(ZONES, body)


def test_a_dns_that_says_nothing_holds_nobody_up_for_long() -> None:
    async def body(room: Strangers) -> None:
        for number in range(8):
            room.dns.zones |= key_record("bank.com", f"s{number}")
        room.dns.silent |= {name.lower() for name in room.dns.zones}
        octets = BANK
        for number in range(8):
            octets = signed(octets, "bank.com", f"s{number}")
        async with client(room, "smtp") as peer:
            start = time.monotonic()
            assert (await send(peer, octets)).startswith("250")
            assert time.monotonic() - start < 2
            assert (await peer.say("NOOP"))[0].startswith("250")
        (message,) = await room.messages("bob@foo.com")
        assert {one.result for one in found_in(message).results} == {"temperror"}
        assert room.authentication is not None
        assert len(room.authentication.tasks) == 0

    slow = DnsSettings(timeout_seconds=30, tries=1, total_timeout_seconds=30)
    run(ZONES, body, slow, max_dns_seconds=0.3)


def test_the_dns_is_asked_while_the_message_comes() -> None:
    async def body(room: Strangers) -> None:
        async with client(room, "smtp") as peer:
            replies = await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "DATA")
            assert replies[-1].startswith("354")
            header, _, rest = signed(BANK, "bank.com").partition(b"\r\n\r\n")
            await peer.send(header, b"")
            wanted = {"bar.com", "_dmarc.bank.com", "s1._domainkey.bank.com", "1.0.0.127.in-addr.arpa"}
            for _ in range(200):
                if wanted <= {name for _, _, name in room.dns.questions}:
                    break
                await asyncio.sleep(0.01)
            assert wanted <= {name for _, _, name in room.dns.questions}
            asked = {name for _, _, name in room.dns.questions}
            assert (await peer.say(rest + b"."))[0].startswith("250")
            # whether MAIL FROM's domain is of the same organisation is known only when SPF has passed
            assert {name for _, _, name in room.dns.questions} - asked == {"_dmarc.com"}

    run(ZONES, body)


def test_a_sender_that_leaves_takes_its_questions_along() -> None:
    async def body(room: Strangers) -> None:
        room.dns.silent.add("bar.com")
        assert room.authentication is not None
        async with client(room, "smtp") as peer:
            await peer.say("MAIL FROM:<a@bar.com>", "RCPT TO:<bob@foo.com>", "DATA")
            assert len(room.authentication.tasks) > 0
        for _ in range(100):
            if not room.authentication.tasks:
                break
            await asyncio.sleep(0.01)
        assert len(room.authentication.tasks) == 0
        assert room.authentication.tasks.failures == 0

    run(ZONES, body, DnsSettings(timeout_seconds=30, tries=1, total_timeout_seconds=30))


LIES: Zones = {
    "loop.com": spf("v=spf1 include:loop.com -all"),
    "wide.com": spf("v=spf1 " + " ".join(f"mx:m{n}.wide.com" for n in range(10)) + " ?all"),
    "two.com": {"TXT": ["v=spf1 +all", "v=spf1 a +all"]},
    "_dmarc.two.com": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=none; t=y"]},
    "odd.com": {"TXT": ["v=spf1 ip4:999.0.0.1 +all"]},
    "_dmarc.odd.com": {"TXT": ["v=DMARC1; p=perhaps"]},
    "cname.com": {"CNAME": ["cname.com"]},
    "s1._domainkey.bank.com": {"TXT": ["v=DKIM1; k=rsa; p=AAAA", "p=", "\0\0"]},
    "_dmarc.bank.com": {"TXT": ["v=DMARC1; p=reject"]},
}


@pytest.mark.parametrize("domain", ["loop.com", "wide.com", "two.com", "odd.com", "cname.com", "bank.com"])
def test_a_dns_that_lies_passes_nothing(domain: str) -> None:
    zones = dict(LIES)
    for number in range(10):
        zones[f"m{number}.wide.com"] = {"MX": [f"{host} h{host}.m{number}.wide.com" for host in range(10)]}

    async def body(room: Strangers) -> None:
        async with client(room, "smtp", hello=f"EHLO {domain}") as peer:
            await send(peer, signed(letter(f"x@{domain}"), "bank.com"), sender=f"x@{domain}")
        told = room.notes.last("checked")
        passed = [words for words in (*told["spf"], *told["dkim"], told["dmarc"]) if words.startswith("pass")]
        assert passed == []
        assert len(room.dns.questions) <= 150

    run(zones, body)


# ---- without a socket


def check(octets: bytes, resolver: StaticResolver, pieces: int = 1000, **settings: object) -> Checked:
    """What comes out for one message from 192.0.2.1, which says it is bar.com."""

    async def go() -> Checked:
        chosen = msgspec.convert(settings, AuthenticationSettings)
        authentication = Authentication(resolver, SystemClock(), chosen, hostname="foo.com")
        checking = authentication.begin(Source("bar.com", "192.0.2.1"), "a@bar.com")
        assert checking is not None
        header, _, rest = octets.partition(b"\r\n\r\n")
        checking.header(header + b"\r\n\r\n")
        for at in range(0, len(rest), pieces):
            checking.body(rest[at : at + pieces])
        try:
            return await checking.conclude()
        finally:
            checking.close()
            await authentication.close()

    return asyncio.run(go())


def static(zones: Zones) -> StaticResolver:
    return StaticResolver(txt_records={name: records["TXT"] for name, records in zones.items() if "TXT" in records})


@pytest.mark.parametrize("pieces", [1, 7, 100_000])
def test_the_body_may_come_in_any_pieces(pieces: int) -> None:
    body = "Hello \r\n\r\n  there\r\n" * 20 + "\r\n\r\n"
    checked = check(signed(letter(body=body), "bar.com"), static(ZONES), pieces)
    assert [one.result.value for one in checked.evidence.dkim] == ["pass"]
    assert checked.evidence.dmarc.result is DmarcResult.PASS


def test_there_are_only_so_many_signatures_and_questions() -> None:
    octets = BANK
    for number in range(30):
        octets = signed(octets, "bank.com", f"k{number}")
    resolver = static(ZONES)
    checked = check(octets, resolver, max_signatures=30, max_dns_questions=20)
    assert len(resolver.asked) <= 20
    assert sum(one.result.value == "temperror" for one in checked.evidence.dkim) >= 10
    resolver = static(ZONES)
    checked = check(octets, resolver)
    assert len(resolver.asked) < 20
    assert checked.evidence.dkim[-1].result.value == "policy"


def test_a_client_without_an_address_is_no_reason_to_fail() -> None:
    async def go() -> None:
        authentication = Authentication(static(ZONES), SystemClock(), AuthenticationSettings(), hostname="foo.com")
        checking = authentication.begin(Source("bar.com", "unix"), "a@bar.com")
        assert checking is not None
        checking.header(BAR)
        checked = await checking.conclude()
        assert {one.result.value for one in checked.evidence.spf} <= {"none", "permerror", "neutral"}
        checking.close()

    asyncio.run(go())


def test_new_settings_count_from_then_on() -> None:
    authentication = Authentication(static({}), SystemClock(), AuthenticationSettings(), hostname="foo.com")
    assert authentication.trusts("127.0.0.1")
    assert authentication.is_forged(b"foo.com; dkim=pass")
    authentication.take(AuthenticationSettings(trusted_networks=("10.0.0.0/8",), name="mx.foo.com", check=False))
    assert not authentication.trusts("127.0.0.1")
    assert authentication.trusts("10.1.2.3")
    assert authentication.is_forged(b"MX.foo.com; dkim=pass")
    assert authentication.is_forged(b"foo.com; dkim=pass")
    assert not authentication.is_forged(b"mx.bar.com; dkim=pass")
    assert authentication.begin(Source("bar.com", "192.0.2.1"), "") is None
