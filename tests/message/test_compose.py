"""Messages that we write."""

from email import message_from_bytes, policy
from email.utils import parseaddr

from hypothesis import given
from hypothesis import strategies as st

from postroom.message import Scanner
from postroom.message.addresses import parse_mailbox
from postroom.message.compose import compose_text, encode_body, format_field, format_mailbox, format_raw_field
from postroom.message.encoded_words import decode_field
from postroom.message.header import first_value, unfold

_PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]))


def test_a_short_field() -> None:
    assert format_field("Subject", "Hello") == b"Subject: Hello\r\n"


def test_no_value_can_add_a_field() -> None:
    assert format_field("Subject", "a\r\nBcc: b\0") == b"Subject: a Bcc: b\r\n"


def test_utf8_where_it_may_stand() -> None:
    assert format_field("Subject", "Grüße", utf8=True) == "Subject: Grüße\r\n".encode()


@given(_PRINTABLE)
def test_a_field_reads_back(text: str) -> None:
    field = format_field("Subject", text)
    assert field.isascii()
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))
    assert all(line.strip() for line in field.split(b"\r\n")[1:-1])
    assert decode_field(unfold(field.partition(b":")[2])) == text.strip()


@given(st.lists(st.text(alphabet="abc,;", min_size=1, max_size=30), min_size=1, max_size=30))
def test_folds_are_where_spaces_were(words: list[str]) -> None:
    value = " ".join(words)
    field = format_raw_field("To", value)
    assert unfold(field.partition(b":")[2]).decode() == value
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))


def test_mailboxes() -> None:
    assert format_mailbox("", "a@b") == "a@b"
    assert format_mailbox("Alice Example", "a@b") == "Alice Example <a@b>"
    assert format_mailbox('A "B" C.', "a@b") == '"A \\"B\\" C." <a@b>'
    assert format_mailbox("Jürgen", "a@b") == "=?utf-8?q?J=C3=BCrgen?= <a@b>"


@given(_PRINTABLE.map(str.strip))
def test_mailboxes_read_back(name: str) -> None:
    text = format_mailbox(name, "a@b.test")
    assert parse_mailbox(text) == (name, "a@b.test")
    if name.isascii():
        assert parseaddr(text) == (name, "a@b.test")


def test_bodies() -> None:
    assert encode_body("a\nb") == (
        b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n",
        b"a\r\nb\r\n",
    )
    head, body = encode_body("Grüße\n")
    assert b"quoted-printable" in head
    assert body == b"Gr=C3=BC=C3=9Fe\r\n"
    assert all(len(line) <= 76 for line in encode_body("x" * 5000)[1].split(b"\r\n"))


def test_a_whole_message() -> None:
    octets = compose_text(
        sender=format_mailbox("Älice", "alice@alice.test"),
        recipients=["bob@bob.test", "Carol <carol@bob.test>"],
        subject="Grüße aus dem Norden",
        text="Hallo Bob,\n\nschöne Grüße!\n",
        date=1_700_000_000,
        message_id_token="tok",
        hostname="alice.test",
        fields=[("X-Test", "yes")],
    )
    theirs = message_from_bytes(octets, policy=policy.default)
    assert theirs["Subject"] == "Grüße aus dem Norden"
    assert theirs["From"] == "Älice <alice@alice.test>"
    assert theirs["X-Test"] == "yes"
    assert theirs.get_content() == "Hallo Bob,\r\n\r\nschöne Grüße!\r\n"
    assert first_value(octets, b"message-id") == b"<tok@alice.test>"
    scanner = Scanner()
    scanner.feed(octets)
    assert "scho\u0308ne" in scanner.finish().search.body


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_sent_as_it_is(text: str) -> None:
    head, body = encode_body(text)
    theirs = message_from_bytes(head + b"\r\n" + body)
    payload = theirs.get_payload(decode=True)
    assert isinstance(payload, bytes)
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    assert payload.decode().replace("\r\n", "\n").removesuffix("\n") == expected.removesuffix("\n")
