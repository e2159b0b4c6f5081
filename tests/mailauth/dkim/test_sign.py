"""What is signed, how the field looks, and that nothing a message holds breaks it."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.mailauth.dkim.verifying import ED25519, MESSAGE, NOW, RECORDS, RSA, parts, rsa_key, signed, verdicts, words

from postroom.mailauth.dkim import BodyHasher, Canonicalization, HeaderFields, SigningKey
from postroom.mailauth.dkim.sign import MAX_INSTANCES, MAX_LINE, OVERSIGNED, sign, signed_names

FIELDS = signed(MESSAGE)[: -len(MESSAGE)]


def names_of(header: bytes) -> list[bytes]:
    return signed_names(HeaderFields(header))


def test_the_fields() -> None:
    first, second, rest = re.split(rb"(?<=\r\n)(?! )", FIELDS)
    assert rest == b""
    assert first.startswith(
        b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=r1;\r\n t=1700000000;"
        b" h=from:from:to:to:cc:subject:subject:"
    )
    assert second.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;\r\n s=e1; t=17")
    assert max(map(len, FIELDS.split(b"\r\n"))) <= MAX_LINE < 78
    assert [one.result.value for one in verdicts(FIELDS + MESSAGE)] == ["pass", "pass"]


def test_how_long_they_last() -> None:
    header, _ = parts(MESSAGE)
    assert b"x=" not in FIELDS
    assert b" t=1700000000; x=1700000060;" in sign(
        HeaderFields(header), bytes(32), [ED25519], now=NOW + 0.9, lifetime=60
    )


def test_names_are_signed_once_more_than_they_occur() -> None:
    names = names_of(b"From: a\r\nTo: b\r\nTo: c\r\nReceived: d\r\nX-Other: e\r\nList-Id: f\r\nSender: g\r\nBcc: h\r\n")
    assert names.count(b"from") == 2
    assert names.count(b"to") == 3
    assert names.count(b"subject") == 1
    assert (names.count(b"list-id"), names.count(b"sender")) == (1, 1)  # a list may add its own
    assert {b"received", b"x-other", b"bcc", b"dkim-signature", b"return-path", b"comments"}.isdisjoint(names)


@pytest.mark.parametrize("name", OVERSIGNED)
def test_no_such_field_can_be_added(name: bytes) -> None:
    for place in (0, len(FIELDS), len(FIELDS) + MESSAGE.index(b"To:")):
        message = FIELDS + MESSAGE
        forged = message[:place] + name.title() + b": forged\r\n" + message[place:]
        assert words(forged) == ["fail", "fail"]


def test_names_of_our_choice() -> None:
    header, body = parts(MESSAGE)
    hasher = BodyHasher(Canonicalization.RELAXED)
    hasher.update(body)
    digest = hasher.digest()
    assert digest is not None
    fields = sign(HeaderFields(header), digest, (RSA,), now=NOW, names=(b"from", b"subject", b"x-none"))
    (verdict,) = verdicts(fields + MESSAGE)
    assert (verdict.result.value, verdict.signed_names) == ("pass", ("from", "subject", "x-none"))


def test_a_mailing_list_may_add_its_fields() -> None:
    assert (
        words(b"List-Id: <l.example.net>\r\nSender: l@example.net\r\nReceived: x\r\n" + FIELDS + MESSAGE)
        == ["pass"] * 2
    )


def test_a_field_many_times_over_is_signed_in_part() -> None:
    message = b"To: x@example.org\r\n" * 5000 + MESSAGE
    assert names_of(parts(message)[0]).count(b"to") == MAX_INSTANCES
    assert len(signed(message)) - len(message) < 4000
    assert words(signed(message)) == ["pass", "pass"]


def test_names_that_are_long() -> None:
    domain = ".".join(["d" * 63, "e" * 63, "f" * 40])
    key = SigningKey(domain, "s" * 60, ED25519.private)
    message = signed(MESSAGE, [key])
    assert words(message, {key.record_name: key.record.encode()}) == ["pass"]
    assert [len(line) > MAX_LINE for line in message.split(b"\r\n")].count(True) == 1  # a name has no place to fold at


@pytest.mark.parametrize(
    ("domain", "selector"),
    [
        ("Example.org", "s"),
        ("example.org.", "s"),
        ("", "s"),
        ("a..b", "s"),
        ("example.org", ""),
        ("example.org", "s;"),
        ("exämple.org", "s"),
        ("example.org", "s" * 64),
        (".".join(["a" * 60] * 4), "s"),
        ("example.org\r\nFrom: x", "s"),
        ("example.org\n", "s"),
    ],
)
def test_names_that_cannot_be_signed_for(domain: str, selector: str) -> None:
    with pytest.raises(ValueError, match="not a domain name"):
        SigningKey(domain, selector, ED25519.private)


def test_keys_that_may_not_sign() -> None:
    with pytest.raises(ValueError, match="1024 to 4096 bits, not 4160"):
        SigningKey("example.org", "s", rsa_key(4160))
    assert SigningKey("example.org", "s", rsa_key(1024)).algorithm == "rsa-sha256"


ODD_HEADERS = [
    "Subject: Grüße in 8 bit\r\nFrom: \xff\xfe@example.org\r\n".encode("latin-1"),
    "From: Jörg <jörg@exämple.org>\r\n".encode(),
    b"From: a@example.org\r\nSubject: " + b"x" * 100_000 + b"\r\n",
    b"From: a@example.org\r\nSubject:" + b"\r\n x" * 10_000 + b"\r\n",
    b"From: a@example.org\r\nSubject: a\r\n \r\n\t\r\n b\r\n",
    b"From: a@example.org\nSubject: bare LF\nTo: b\r\n",
    b"From: a@example.org\r\nSubject: a\n folded by LF\r\n",
    b"From: a@example.org\r\nSubject: NUL \x00 and CR \r here\r\n",
    b"no field at all\r\nFrom: a@example.org\r\n: empty name\r\n\xff\xfe: x\r\n",
    b"From a@example.org Mon Jan  1 00:00:00 2024\r\nFrom: a@example.org\r\n",
    b"FROM : a@example.org\r\nTo:\r\n",
    b"Subject: nobody\r\n",
    b"From: a@example.org\r\nFrom: b@example.org\r\n",
    b"",
]


@pytest.mark.parametrize("header", ODD_HEADERS, ids=lambda header: repr(header[:24]))
@pytest.mark.parametrize("body", [b"", b"x", b"\r\n\r\n", b"bare\nLF\n", b"y" * 5000 + b"\r\n", b"\xff\x00\r", b". \t"])
def test_odd_messages(header: bytes, body: bytes) -> None:
    message = signed((header or b"X: y\r\n") + b"\r\n" + body)
    assert words(message) == ["pass", "pass"]
    changed = message.replace(b"\xff", b"\xfe") if b"\xff" in body else message + b"z"
    assert words(changed) == ["fail", "fail"]


OCTETS = st.lists(
    st.sampled_from(
        [b"From: a@b.c", b"To: ", b"Subject:", b"\r\n", b"\r\n ", b"\n", b"\r", b"\t", b" ", b":", b"x", b"\xff", b";"]
    )
).map(b"".join)


@given(header=OCTETS, body=OCTETS)
@example(header=b"From:\r\n \r\n", body=b"")
@settings(max_examples=60, deadline=None)
def test_whatever_it_is_what_we_sign_we_verify(header: bytes, body: bytes) -> None:
    message = b"X: y\r\n" + header.replace(b"\r\n\r\n", b"\r\n") + b"\r\n\r\n" + body
    assert [one.result.value for one in verdicts(signed(message, [ED25519]), RECORDS)] == ["pass"]


def test_the_record_to_publish() -> None:
    assert ED25519.record == "v=DKIM1; k=ed25519; p=" + RECORDS[ED25519.record_name].decode().partition("p=")[2]
    assert RSA.record_name == "r1._domainkey.example.org"
