"""Arguments of commands, and the table of what each command does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.smtp import COMMANDS, Auth, AuthResponse, Does, Mail, Offers, Rcpt, SmtpSettings, Verify, decode_xtext
from postroom.smtp.commands import (
    Refused,
    parse_auth,
    parse_auth_response,
    parse_hello,
    parse_mail,
    parse_rcpt,
    parse_verify,
)

SETTINGS = SmtpSettings()


def refused(argument: bytes, *, rcpt: bool = False, smtputf8: bool = False) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        parse(argument, rcpt=rcpt, smtputf8=smtputf8)
    return caught.value.reply.code, caught.value.reply.enhanced


def parse(argument: bytes, *, rcpt: bool, smtputf8: bool) -> Mail | Rcpt:
    if rcpt:
        return parse_rcpt(argument, SETTINGS, smtputf8=smtputf8)
    return parse_mail(argument, SETTINGS)


def test_mail_parameters() -> None:
    argument = b"from:<a@bar.com> size=12 body=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+2B314 AUTH=<>"
    assert parse_mail(argument, SETTINGS) == Mail("a@bar.com", 12, "8BITMIME", True, "HDRS", "QQ+314", "<>")
    assert parse_mail(b"FROM:<>", SETTINGS) == Mail("")
    assert parse_mail(b"FROM: <a@bar.com>  BODY=7BIT", SETTINGS) == Mail("a@bar.com", body="7BIT")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (b"SIZE", 501),
        (b"SIZE=", 501),
        (b"SIZE=-1", 501),
        (b"SIZE=1x", 501),
        (b"SIZE=" + b"9" * 21, 501),
        (b"SIZE=268435457", 552),
        (b"SIZE=1 SIZE=2", 501),
        (b"BODY", 501),
        (b"BODY=BINARY", 501),
        (b"SMTPUTF8=yes", 501),
        (b"RET=ALL", 501),
        (b"ENVID", 501),
        (b"ENVID=a+0d", 501),
        (b"ENVID=a+0D+0A", 501),
        (b"ENVID=" + b"a" * 101, 501),
        (b"AUTH=+zz", 501),
        (b"NOTIFY=NEVER", 555),
        (b"XYZZY", 555),
        (b"=3", 501),
        (b"-A=3", 501),
        (b"A=b=c", 501),
    ],
)
def test_bad_mail_parameters(parameters: bytes, code: int) -> None:
    assert refused(b"FROM:<a@bar.com> " + parameters)[0] == code


def test_rcpt_parameters() -> None:
    argument = b"TO:<bob@foo.com> NOTIFY=success,Failure,DELAY ORCPT=rfc822;bob+40foo.com"
    expected = Rcpt("bob@foo.com", frozenset({"SUCCESS", "FAILURE", "DELAY"}), "rfc822;bob+40foo.com")
    assert parse_rcpt(argument, SETTINGS, smtputf8=False) == expected
    never = parse_rcpt(b"TO:<bob@foo.com> NOTIFY=never", SETTINGS, smtputf8=False)
    assert never.notify == frozenset({"NEVER"})
    empty = parse_rcpt(b"TO:<bob@foo.com> ORCPT=rfc822;", SETTINGS, smtputf8=False)  # as an xtext may be
    assert empty.original == "rfc822;"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (b"NOTIFY", 501),
        (b"NOTIFY=", 501),
        (b"NOTIFY=NEVER,DELAY", 501),
        (b"NOTIFY=DELAY,DELAY", 501),
        (b"NOTIFY=SUCCESS,", 501),
        (b"NOTIFY=SOMETIMES", 501),
        (b"NOTIFY=DELAY NOTIFY=DELAY", 501),
        (b"ORCPT=rfc822", 501),
        (b"ORCPT=rfc822;a+0D+0ASubject:+20x", 501),
        (b"ORCPT=rfc822;a+C3+B8", 501),
        (b"ORCPT=(x);a", 501),
        (b"ORCPT=rfc822;a+0", 501),
        (b"ORCPT=rfc822;" + b"a" * 500, 501),
        (b"SIZE=3", 555),
    ],
)
def test_bad_rcpt_parameters(parameters: bytes, code: int) -> None:
    assert refused(b"TO:<bob@foo.com> " + parameters, rcpt=True)[0] == code


def test_addresses_that_need_smtputf8() -> None:
    assert refused("FROM:<bjørn@foo.com>".encode()) == (550, "5.6.7")
    assert parse_mail("FROM:<bjørn@foo.com> SMTPUTF8".encode(), SETTINGS).address == "bjørn@foo.com"
    assert refused("TO:<bjørn@foo.com>".encode(), rcpt=True) == (553, "5.6.7")
    assert parse_rcpt("TO:<bjørn@foo.com>".encode(), SETTINGS, smtputf8=True).address == "bjørn@foo.com"
    utf8 = "TO:<b@foo.com> ORCPT=utf-8;bjørn@foo.com".encode()
    assert parse_rcpt(utf8, SETTINGS, smtputf8=True).original == "utf-8;bjørn@foo.com"
    assert refused(b"TO:<b@foo.com> ORCPT=utf-8;\xff", rcpt=True, smtputf8=True)[0] == 501
    assert refused(b"FROM:<\xff@foo.com> SMTPUTF8") == (501, "5.1.7")


@pytest.mark.parametrize(
    ("argument", "offers", "code"),
    [
        (b"PLAIN", Offers(), 502),
        (b"PLAIN", Offers(auth_needs_tls=True), 538),
        (b"", Offers(auth=("PLAIN",)), 501),
        (b"PLAIN a b", Offers(auth=("PLAIN",)), 501),
        (b"LOGIN", Offers(auth=("PLAIN",)), 504),
        (b"PLAIN !", Offers(auth=("PLAIN",)), 501),
    ],
)
def test_bad_auth(argument: bytes, offers: Offers, code: int) -> None:
    with pytest.raises(Refused) as caught:
        parse_auth(argument, offers)
    assert caught.value.reply.code == code


def test_auth() -> None:
    offers = Offers(auth=("PLAIN",))
    assert parse_auth(b"plain", offers) == Auth("PLAIN", None)
    assert parse_auth(b"PLAIN =", offers) == Auth("PLAIN", b"")
    assert parse_auth(b"PLAIN AGE=", offers) == Auth("PLAIN", b"\0a")
    assert parse_auth_response(b"AGE=") == AuthResponse(b"\0a")
    with pytest.raises(Refused):
        parse_auth_response(b"*")


@pytest.mark.parametrize(
    ("argument", "asked"),
    [
        (b"bob@foo.com", Verify("bob@foo.com")),
        (b"<bob@foo.com>  smtputf8", Verify("bob@foo.com", utf8=True)),
        (b"postmaster", Verify("postmaster")),
        (b"bob", None),
        (b"", None),
        (b"SMTPUTF8", None),
        (b"<>", None),
        (b"<bob@foo.com> and more", None),
        (b"\xff@foo.com", None),
    ],
)
def test_verify(argument: bytes, asked: Verify | None) -> None:
    assert parse_verify(argument, SmtpSettings(), expand=False) == asked


def test_syntax() -> None:
    assert refused(b"") == (501, "5.5.4")
    assert refused(b"TO:<a@bar.com>") == (501, "5.5.4")
    assert refused(b"FROM:<a@bar.com>SIZE=3") == (501, "5.1.7")
    assert refused(b"TO:<a@bar.com>,<b@bar.com>", rcpt=True) == (501, "5.1.3")
    strict = SmtpSettings(quirk_space_after_colon=False)
    with pytest.raises(Refused):
        parse_mail(b"FROM: <a@bar.com>", strict)
    assert parse_hello(b"bar.com") == "bar.com"
    with pytest.raises(Refused):
        parse_hello(b"bar com")


def test_xtext() -> None:
    assert decode_xtext(b"a+2Bb+3D+20") == b"a+b= "


@settings(deadline=None)
@given(st.binary(max_size=80), st.booleans(), st.booleans())
def test_octets_raise_nothing_else(octets: bytes, rcpt: bool, with_path: bool) -> None:
    head = (b"TO:<b@foo.com> " if rcpt else b"FROM:<b@foo.com> ") if with_path else b""
    code = 250
    try:
        parse(head + octets, rcpt=rcpt, smtputf8=True)
    except Refused as refusal:
        code = refusal.reply.code
    assert code == 250 or 500 <= code < 560


def test_the_table_says_what_the_rfcs_say() -> None:
    # RFC 5321 §4.1.4: these need no greeting
    free = {b"NOOP", b"HELP", b"VRFY", b"EXPN", b"RSET", b"QUIT", b"EHLO", b"HELO", b"LHLO", b"STARTTLS"}
    assert {verb for verb, c in COMMANDS.items() if not c.does & Does.NEEDS_HELLO} == free
    # RFC 4954 §4: AUTH not within a transaction
    assert {verb for verb, c in COMMANDS.items() if c.does & Does.NEEDS_NO_MAIL} == {b"MAIL", b"AUTH"}
    assert all(c.verb.encode() == verb and c.help.startswith(c.verb) for verb, c in COMMANDS.items())
