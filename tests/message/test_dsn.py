"""Delivery reports."""

from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import pytest

from postroom.message.dsn import Action, DeliveryReport, Dsn, RecipientReport, Returned, compose_dsn

HEADER = b"From: alice@alice.test\r\nTo: bob@bob.test\r\nSubject: Lunch\r\n\r\n"
FAILED = RecipientReport(
    "bob@bob.test",
    Action.FAILED,
    "5.1.1",
    original="rfc822;bob+2Btag@bob.test",
    diagnostic="550-5.1.1 No such\r\n550 5.1.1 user",
    remote_mta="mx.bob.test",
    last_attempt=1_700_000_000,
)
REPORT = DeliveryReport(
    "mail.alice.test", [FAILED], arrival=1_699_999_000, envelope_id="QQ314159", queue_id="q1", subject="Lunch"
)


def _dsn(report: DeliveryReport = REPORT, **options: Any) -> Dsn:
    fixed = {"to": "alice@alice.test", "date": 1_700_000_100, "token": "tok123", "returned": Returned.HEADERS}
    return compose_dsn(report, **{**fixed, **options})


def _read(dsn: Dsn, original: bytes = HEADER) -> tuple[Any, Any, list[Any], Any]:
    """The report, its text, the blocks of its status, and what came back, as the standard library sees them."""
    whole: Any = message_from_bytes(dsn.whole(original), policy=policy.default)
    text, status, third = whole.get_payload()
    return whole, text, status.get_payload(), third


def test_the_frame() -> None:
    """RFC 6522 §3, RFC 3834 §5."""
    whole, text, _, third = _read(_dsn())
    assert whole.get_content_type() == "multipart/report"
    assert whole.get_param("report-type") == "delivery-status"
    assert whole["Auto-Submitted"] == "auto-replied"
    assert whole["To"] == "alice@alice.test"
    assert whole["From"] == "Mail Delivery System <postmaster@mail.alice.test>"
    assert text.get_content_type() == "text/plain"
    assert third.get_content_type() == "text/rfc822-headers"
    assert "Subject: Lunch" in third.get_content()
    assert not whole.defects


def test_the_fields() -> None:
    """RFC 3464 §2.2, §2.3; RFC 3461 §6.3."""
    _, _, (message, recipient), _ = _read(_dsn())
    assert message["Reporting-MTA"] == "dns; mail.alice.test"
    assert message["Original-Envelope-Id"] == "QQ314159"
    assert message["Arrival-Date"] == "Tue, 14 Nov 2023 21:56:40 +0000"
    assert recipient["Original-Recipient"] == "rfc822; bob+tag@bob.test"
    assert recipient["Final-Recipient"] == "rfc822; bob@bob.test"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert recipient["Remote-MTA"] == "dns; mx.bob.test"
    assert recipient["Diagnostic-Code"] == "smtp; 550-5.1.1 No such 550 5.1.1 user"
    assert recipient["Last-Attempt-Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert recipient["Final-Log-ID"] == "q1"
    assert recipient["Will-Retry-Until"] is None


def test_the_time_that_the_sender_set() -> None:
    """RFC 2852 §5: behind Arrival-Date."""
    dsn = _dsn(replace(REPORT, deliver_by=1_699_999_600.0))
    _, _, (message, _), _ = _read(dsn)
    assert message["Deliver-By-Date"] == "Tue, 14 Nov 2023 22:06:40 +0000"
    assert dsn.prefix.index(b"\r\nArrival-Date: ") < dsn.prefix.index(b"\r\nDeliver-by-date: ")
    assert "Deliver-By-Date" not in _read(_dsn())[2][0]


def test_what_was_not_given_is_not_there() -> None:
    plain = DeliveryReport("m.test", [RecipientReport("b@b.test", Action.FAILED, "5.0.0")])
    _, _, (message, recipient), _ = _read(_dsn(plain))
    assert message.keys() == ["Reporting-MTA"]
    assert recipient.keys() == ["Final-Recipient", "Action", "Status"]


def test_the_text_says_what_why_and_what_to_do() -> None:
    text = " ".join(_read(_dsn())[1].get_content().split())
    assert 'Your message "Lunch"' in text
    assert "could not be delivered to: bob@bob.test" in text
    assert "the address does not exist" in text
    assert "What you can do: Check the address" in text
    assert "The server mx.bob.test said: 550-5.1.1 No such 550 5.1.1 user" in text
    assert "q1" in text


def test_a_delay() -> None:
    delayed = RecipientReport(
        "bob@bob.test",
        Action.DELAYED,
        "4.4.1",
        diagnostic="connection timed out",
        will_retry_until=1_700_000_100 + 4 * 86400,
    )
    whole, text, (_, recipient), _ = _read(_dsn(replace(REPORT, recipients=[delayed])))
    assert whole["Subject"] == "Your message is delayed"
    assert recipient["Action"] == "delayed"
    assert recipient["Diagnostic-Code"] == "x-postroom; connection timed out"
    assert recipient["Will-Retry-Until"] == "Sat, 18 Nov 2023 22:15:00 +0000"
    assert "tried for another 4 days" in text.get_content()
    assert "need not send the message again" in text.get_content()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (86400 * 5, "5 days"),
        (3600 * 30, "30 hours"),
        (7200, "2 hours"),
        (3000, "50 minutes"),
        (60, "1 minute"),
        (5, "short while"),
    ],
)
def test_lengths_of_time(seconds: int, words: str) -> None:
    delayed = RecipientReport("b@b", Action.DELAYED, "4.4.1", will_retry_until=1_700_000_100 + seconds)
    assert f"tried for another {words}." in _read(_dsn(replace(REPORT, recipients=[delayed])))[1].get_content()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Action.DELIVERED, "was delivered to:"),
        (Action.RELAYED, "handed to the next mail server"),
        (Action.EXPANDED, "everybody who gets the mail for:"),
    ],
)
def test_good_news(action: Action, words: str) -> None:
    good = RecipientReport("b@b.test", action, "2.0.0")
    whole, text, (_, recipient), _ = _read(_dsn(replace(REPORT, recipients=[good])))
    assert whole["Subject"] == "Your message was delivered"
    assert words in " ".join(text.get_content().split())
    assert "Reason" not in text.get_content()
    assert recipient["Action"] == action.value


def test_several_recipients_in_one_report() -> None:
    other = RecipientReport("carol@bob.test", Action.DELIVERED, "2.1.5")
    whole, text, blocks, _ = _read(_dsn(replace(REPORT, recipients=[other, FAILED])))
    assert whole["Subject"] == "Your message could not be delivered"
    assert len(blocks) == 3
    assert text.get_content().index("bob@bob.test") < text.get_content().index("carol@bob.test")


def test_the_full_original_streams_between_prefix_and_suffix() -> None:
    dsn = _dsn(returned=Returned.FULL)
    original = HEADER + b"The body\r\n"
    assert dsn.whole(original) == dsn.prefix + original + dsn.suffix
    third = _read(dsn, original)[3]
    assert third.get_content_type() == "message/rfc822"
    assert third.get_payload(0).get_content() == "The body\r\n"
    assert not dsn.eight_bit
    assert not dsn.utf8


def test_an_original_of_8bit() -> None:
    dsn = _dsn(returned=Returned.FULL, original_8bit=True)
    assert dsn.eight_bit
    assert not dsn.utf8
    whole, _, _, third = _read(dsn, HEADER + "Grüße\r\n".encode())
    assert whole["Content-Transfer-Encoding"] == third["Content-Transfer-Encoding"] == "8bit"


def test_international_mail() -> None:
    """RFC 6533 §4."""
    report = replace(REPORT, recipients=[replace(FAILED, final="böb@bob.test", original="utf-8;b\\x{F6}b@bob.test")])
    dsn = _dsn(report, utf8=True, original_8bit=True)
    assert dsn.utf8
    assert dsn.eight_bit
    assert b"Content-Type: message/global-delivery-status" in dsn.prefix
    assert b"Content-Type: message/global-headers" in dsn.prefix
    assert "Final-Recipient: utf-8; böb@bob.test".encode() in dsn.prefix
    assert "Original-Recipient: utf-8; böb@bob.test".encode() in dsn.prefix
    assert (
        b"Content-Type: message/global\r\n"
        in _dsn(report, utf8=True, original_8bit=True, returned=Returned.FULL).prefix
    )


def test_international_mail_in_an_ascii_report() -> None:
    report = replace(REPORT, recipients=[replace(FAILED, final="bö+b@bob.test", original="utf-8;b\\x{F6}b@bob.test")])
    dsn = _dsn(report)
    assert not dsn.eight_bit
    assert b"Final-Recipient: utf-8; b\\x{F6}\\x{2B}b@bob.test" in dsn.prefix
    assert b"Original-Recipient: utf-8; b\\x{F6}b@bob.test" in dsn.prefix


def test_all_ascii_needs_no_new_types() -> None:
    assert b"message/delivery-status" in _dsn(utf8=True).prefix
    assert not _dsn(utf8=True).utf8
    assert _dsn(to="älice@alice.test", utf8=True).utf8


def test_what_the_other_server_said_cannot_break_the_report() -> None:
    nasty = replace(
        FAILED,
        diagnostic="550 x\r\n\r\n--=_tok123--\r\nStatus: 2.0.0\r\n" + "y" * 5000,
        remote_mta="mx\r\nX: y",
        original="rfc822;a+0D+0AStatus: 2.0.0",
    )
    _, _, blocks, _ = _read(_dsn(replace(REPORT, recipients=[nasty], subject="a\r\n\r\nb")))
    assert len(blocks) == 2
    assert blocks[1].get_all("Status") == ["5.1.1"]
    assert all(len(line) <= 998 for line in _dsn(replace(REPORT, recipients=[nasty])).prefix.split(b"\r\n"))


def test_an_impossible_code_point() -> None:
    report = replace(REPORT, recipients=[replace(FAILED, original="utf-8;b\\x{D800}\\x{FFFFFF}@bob.test")])
    assert b"Original-Recipient: utf-8; b\\x{FFFD}\\x{FFFD}@bob.test" in _dsn(report).prefix
