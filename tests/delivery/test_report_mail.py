"""Reports as messages, of whatever kind."""

import email
import email.policy

from postroom.delivery.report_mail import compose_report_mail


def test_the_form() -> None:
    octets = compose_report_mail(
        contact="dmarc@a.test",
        to="r@b.test",
        subject="Report Domain: b.test " + "x" * 200,
        date=90_000.0,
        token="t1",
        text="For programs.\r\n",
        fields=b"X-Kind: y\r\n",
        media_type="application/gzip",
        file_name="a.test!b.test!0!1.xml.gz",
        packed=bytes(range(256)) * 10,
    )
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.get_content_type() == "multipart/mixed"
    assert (message["From"], message["To"], message["X-Kind"]) == ("dmarc@a.test", "r@b.test", "y")
    assert (message["Message-ID"], message["Auto-Submitted"]) == ("<t1@a.test>", "auto-generated")
    text, packed = message.iter_parts()
    assert text.get_content() == "For programs.\r\n" or text.get_content() == "For programs.\n"
    assert packed.get_filename() == "a.test!b.test!0!1.xml.gz"
    assert packed.get_content() == bytes(range(256)) * 10
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert b"\n" not in octets.replace(b"\r\n", b"")
