"""What EHLO says in each state, and what MAIL may then not ask for."""

from postroom.smtp import Offers, SmtpSettings, replies
from postroom.smtp.announcement import ehlo_lines

from .play import Play, codes

SETTINGS = SmtpSettings(max_message_octets=100_000, max_recipients=200, max_transactions=50, min_deliver_by_seconds=30)


def test_settings_show() -> None:
    lines = ehlo_lines(SETTINGS, Offers())
    assert {"SIZE 100000", "LIMITS MAILMAX=50 RCPTMAX=200", "DELIVERBY 30", "MT-PRIORITY"} <= set(lines)
    assert len({line.partition(" ")[0] for line in lines}) == len(lines)


def test_what_depends_on_the_state() -> None:
    always = set(ehlo_lines(SETTINGS, Offers()))
    clear = Offers(starttls=True, auth=("PLAIN", "LOGIN"), hold=(60, 1_795_705_200.0))
    assert set(ehlo_lines(SETTINGS, clear)) - always == {
        "STARTTLS",
        "AUTH PLAIN LOGIN",
        "FUTURERELEASE 60 2026-11-26T15:00:00Z",
    }
    assert set(ehlo_lines(SETTINGS, Offers(starttls=True, tls_active=True))) - always == {"REQUIRETLS"}


def test_what_is_not_offered_is_refused() -> None:
    everything = Offers(tls_active=True, hold=(60, 0.0))
    assert [everything.withheld(keyword) for keyword in ("REQUIRETLS", "HOLDFOR", "HOLDUNTIL", "SIZE")] == [None] * 4
    assert Offers(starttls=True).withheld("REQUIRETLS") == replies.REQUIRETLS_WITHOUT_TLS
    play = Play(settings=SETTINGS)
    play.feed(b"EHLO bar.com\r\n")
    for parameter, code in ((b"HOLDFOR=5", 555), (b"HOLDUNTIL=2026-11-26T15:00:00Z", 555), (b"REQUIRETLS", 555)):
        assert codes(play.feed(b"MAIL FROM:<a@bar.com> %b\r\n" % parameter)) == [code]


def test_announced_limits_hold() -> None:
    play = Play(settings=SETTINGS, everyone=True)
    play.feed(b"EHLO bar.com\r\nMAIL FROM:<a@bar.com>\r\n")
    assert codes(play.feed(b"RCPT TO:<b@foo.com>\r\n" * 201)) == [250] * 200 + [452]
    play.feed(b"BDAT 0 LAST\r\n")
    for _ in range(49):
        said = b"MAIL FROM:<a@bar.com>\r\nRCPT TO:<b@foo.com>\r\nBDAT 0 LAST\r\n"
        assert codes(play.feed(said)) == [250] * 3
    assert codes(play.feed(b"MAIL FROM:<a@bar.com>\r\n")) == [421]
