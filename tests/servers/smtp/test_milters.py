"""What milters hear of a session; what they may do in it is tested in tests/intake/test_filtering.py."""

from tests.filters.milters import Milter
from tests.intake.filter_room import FilterRoom, with_filters
from tests.servers.smtp.room import client

from postroom.servers.smtp.milters import mail_parameters, rcpt_parameters
from postroom.smtp import Mail, Rcpt


def test_parameters_as_a_client_writes_them() -> None:
    mail = Mail("a@b.c", size=5, body="8BITMIME", smtputf8=True, ret="HDRS", auth="<>", require_tls=True)
    assert list(mail_parameters(mail)) == ["SIZE=5", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "AUTH=<>", "REQUIRETLS"]
    assert list(mail_parameters(Mail(""))) == []
    rcpt = Rcpt("a@b.c", frozenset({"SUCCESS", "DELAY"}), "rfc822;x@y")
    assert list(rcpt_parameters(rcpt)) == ["NOTIFY=DELAY,SUCCESS", "ORCPT=rfc822;x@y"]
    assert list(rcpt_parameters(Rcpt("a@b.c"))) == []


def test_they_hear_each_command_at_its_time() -> None:
    milter = Milter(protocol=0x800)

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert milter.commands() == "OC"
            await peer.say("MAIL FROM:<a@bar.com> SIZE=100")
            assert milter.commands() == "OCHM"
            assert milter.data(b"M") == [b"<a@bar.com>\0SIZE=100\0"]
            await peer.say("RCPT TO:<bob@foo.com>", "RCPT TO:<nobody@foo.com>")
            assert milter.commands() == "OCHMRR"
            assert milter.macros(b"R")[b"{rcpt_mailer}"] == b"error"
            await peer.say("RSET", "MAIL FROM:<a@bar.com>")
            assert milter.commands() == "OCHMRRAM"
        assert milter.macros(b"C")[b"{daemon_name}"] == b"smtp"

    with_filters(body, ("milter", milter.talk, {}))


def test_nobody_is_called_where_no_milter_listens() -> None:
    milter = Milter()

    async def body(room: FilterRoom) -> None:
        async with client(room, "smtp") as peer:
            assert (await peer.mail("bob@foo.com")).startswith("250")
        assert milter.heard == []

    with_filters(body, ("milter", milter.talk, {"listeners": ("submission",)}))
