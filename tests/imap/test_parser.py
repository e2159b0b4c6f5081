"""Whole commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.imap import BadSyntax, ImapSettings, parse_command
from postroom.imap.parser import parse_append, tag_of, too_large
from postroom.imap.syntax import LiteralPending
from postroom.imap.types import (
    Append,
    Authenticate,
    Bad,
    Bare,
    Begin,
    Command,
    Copy,
    Create,
    Delete,
    Enable,
    Fetch,
    Got,
    Id,
    Item,
    List,
    Literal,
    Login,
    Rename,
    Replace,
    Search,
    Section,
    SectionText,
    Select,
    SeqSet,
    Status,
    StatusItem,
    Store,
    StoreMode,
    Subscribe,
    Text,
    TextIn,
    UidExpunge,
    Url,
)

from .octets import octets
from .printer import name_of, print_command
from .test_search_parser import keys, seqsets

SETTINGS = ImapSettings(quirk_utf8_in_quoted=False)

texts = octets(12).filter(lambda raw: b"\0" not in raw)
atoms = st.text("ABCXYZ-=09$", min_size=1, max_size=8)
names = atoms.map(str.encode)
mailboxes = st.text(max_size=12).map(lambda name: "INBOX" if name.isascii() and name.upper() == "INBOX" else name)
flags = st.lists(atoms | st.sampled_from(["\\Seen", "\\Deleted", "\\Draft"]), unique=True, max_size=4).map(tuple)
parts = st.lists(st.integers(1, 2**32 - 1), max_size=4).map(tuple)


def make_section(
    part: tuple[int, ...], text: SectionText, fields: list[bytes], partial: tuple[int, int] | None, peek: bool
) -> Section:
    """As the parser would: only sound combinations, with their label."""
    if text is SectionText.MIME and not part:
        text = SectionText.ALL
    with_fields = text in (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)
    spec = b".".join([b"%d" % number for number in part] + [text.value] * bool(text.value))
    if with_fields:
        spec += b" (%b)" % b" ".join(fields)
    label = b"BODY[%b]%b" % (spec, b"<%d>" % partial[0] if partial else b"")
    return Section(part, text, tuple(fields) if with_fields else (), partial, peek, label)


sections = st.builds(
    make_section,
    parts,
    st.sampled_from(SectionText),
    st.lists(names, min_size=1, max_size=3),
    st.none() | st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1)),
    st.booleans(),
)
items = st.sampled_from([item for item in Item if item is not Item.MODSEQ])
fetches = st.builds(
    lambda seqset, wanted, uid: Fetch(seqset, (Item.UID, *wanted) if uid and Item.UID not in wanted else wanted, uid),
    seqsets,
    st.lists(items | sections, min_size=1, max_size=4, unique=True).map(tuple),
    st.booleans(),
)
lists = st.builds(
    lambda reference, patterns, lsub, select, returns: (
        List(reference, patterns[:1], lsub=True)
        if lsub
        else List(reference, patterns, False, select, returns, bool(select or returns or len(patterns) > 1))
    ),
    mailboxes,
    st.lists(st.text("ab%*/ü", max_size=6), min_size=1, max_size=3, unique=True).map(tuple),
    st.booleans(),
    st.lists(st.sampled_from([b"SUBSCRIBED", b"SPECIAL-USE"]), unique=True).map(tuple),
    st.lists(st.sampled_from([b"CHILDREN", b"SUBSCRIBED"]), unique=True).map(tuple),
)
begins = st.builds(Begin, flags, st.none() | st.integers(0, 2**33))
urls = st.builds(Url, texts)
literals = st.builds(Literal, st.integers(0, 2**31), st.booleans(), st.booleans())
utf8_literals = st.builds(Literal, st.integers(0, 2**31), st.booleans(), st.just(True), st.just(True))
streamed = st.builds(
    lambda name, begin, found, literal: Append(name, (begin, *found, literal)),
    mailboxes,
    begins,
    st.lists(urls, max_size=3),
    literals | utf8_literals,
)
catenated = st.builds(
    lambda name, begin, found: Append(name, (begin, *found), ends=True),
    mailboxes,
    begins,
    st.lists(urls, min_size=1, max_size=3),
)
replaced = st.builds(lambda number: SeqSet(((number, number),)), st.none() | st.integers(1, 2**32 - 1))
commands: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from([b"NOOP", b"LOGOUT", b"IDLE", b"EXPUNGE", b"NAMESPACE"]).map(Bare),
    st.builds(Authenticate, names, st.none() | octets(20)),
    st.builds(Login, texts, texts),
    st.builds(Enable, st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)),
    st.builds(Id, st.none() | st.lists(st.tuples(texts, st.none() | texts), max_size=3).map(tuple)),
    st.builds(Select, mailboxes, st.booleans()),
    st.builds(Create, mailboxes, st.none() | st.sampled_from(["\\Sent", "\\Junk"])),
    st.builds(Delete, mailboxes),
    st.builds(Rename, mailboxes, mailboxes),
    st.builds(Subscribe, mailboxes, st.booleans()),
    lists,
    st.builds(Status, mailboxes, st.lists(st.sampled_from(StatusItem), min_size=1, unique=True).map(tuple)),
    st.builds(Search, keys, st.booleans(), st.none() | st.just(b"UTF-8")),
    fetches,
    st.builds(Store, seqsets, st.sampled_from(StoreMode), st.booleans(), flags, st.booleans()),
    st.builds(Copy, seqsets, mailboxes, st.booleans(), st.booleans()),
    st.builds(UidExpunge, seqsets),
    catenated,
    st.builds(Replace, replaced, st.booleans(), catenated),
)


@given(commands)
def test_parse_reads_what_print_writes(command: Command) -> None:
    assert parse_command(b"a1 " + print_command(name_of(command), command), SETTINGS) == Got(
        b"a1", name_of(command), command
    )


@given(streamed | st.builds(Replace, replaced, st.booleans(), streamed))
def test_append_too(command: Append | Replace) -> None:
    raw = b"a1 " + print_command(name_of(command), command) + b"\r\n"
    found = parse_append(raw, SETTINGS)
    assert found is not None
    assert found[0] == Got(b"a1", name_of(command), command)


@given(commands, st.data())
def test_a_damaged_command_raises_nothing_else(command: Command, data: st.DataObject) -> None:
    raw = bytearray(b"a1 " + print_command(name_of(command), command))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from(b'(){}"\\ *%0a\r\n\xff[]<>:,'))
    try:
        parse_command(bytes(raw), SETTINGS)
    except BadSyntax:
        pass


@given(octets(60) | st.text('aFETCHuid (){}"\\*:,.[]<>12\r\n', max_size=60).map(str.encode))
def test_junk_raises_nothing_else(raw: bytes) -> None:
    for data in (raw, b"a1 " + raw, b"a1 FETCH 1 " + raw, b"a1 SEARCH " + raw, b"a1 LIST " + raw):
        try:
            parse_command(data, SETTINGS)
        except BadSyntax:
            pass


def test_parse_append_tells_what_the_literal_is() -> None:
    assert parse_append(b"a LOGIN {5}\r\n", SETTINGS) is None
    with pytest.raises(LiteralPending):
        parse_append(b"a APPEND {5}\r\n", SETTINGS)
    with pytest.raises(BadSyntax):
        parse_append(b"a append x y {5}\r\n", SETTINGS)


STRICT = ImapSettings(quirk_spelling=False)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (b"a NOOP ", b"a NOOP"),
        (b"a UID FETCH 1:* (FLAGS)  ", b"a UID FETCH 1:* (FLAGS)"),
        (b"a SEARCH ALL ", b"a SEARCH ALL"),
        (b'a ID ( "name" "x" )', b'a ID ("name" "x")'),
        (b"a ID ( )", b"a ID ()"),
        (b'a SEARCH KEYWORD "$Junk"', b"a SEARCH KEYWORD $Junk"),
        (b'a SEARCH UNKEYWORD "x" SEEN', b"a SEARCH UNKEYWORD x SEEN"),
    ],
)
def test_what_clients_send_against_the_grammar(sent: bytes, meant: bytes) -> None:
    assert parse_command(sent, SETTINGS) == parse_command(meant, STRICT)
    with pytest.raises(BadSyntax):
        parse_command(sent, STRICT)


@pytest.mark.parametrize("sent", [b"a SELECT x (QRESYNC (7 0))", b"a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 0 VANISHED)"])
def test_clients_that_know_nothing_yet_begin_at_modseq_0(sent: bytes) -> None:
    command = parse_command(sent, SETTINGS).command
    if isinstance(command, Select):
        assert command.resync is not None
        assert command.resync.modseq == 0
    else:
        assert isinstance(command, Fetch)
        assert command.changed_since == 0
        assert command.vanished
    with pytest.raises(BadSyntax):  # RFC 7162 §7 mod-sequence-value
        parse_command(sent, STRICT)


def test_the_last_space_of_a_literal_stays() -> None:
    assert parse_command(b"a SEARCH TEXT {2}\r\nx ", SETTINGS).command == Search(Text(TextIn.TEXT, "x "), False)


@pytest.mark.parametrize(
    "sent",
    [
        b'a ID ("x"  "y")',
        b'a SEARCH KEYWORD "x y"',
        b'a SEARCH KEYWORD ""',
        b"a ",
        b"a NOOP x ",
        b"  ",
        b"a AUTHENTICATE PLAIN ",
    ],
)
def test_what_means_nothing_still_does(sent: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_command(sent, SETTINGS)


def test_names_are_read_in_any_case() -> None:
    assert parse_command(b"a uId fEtCh 1 fLaGs", SETTINGS) == parse_command(b"a UID FETCH 1 FLAGS", SETTINGS)


@pytest.mark.parametrize(
    ("raw", "tag"),
    [
        (b"a1 NOOP", b"a1"),
        (b"a1", b"a1"),
        (b"a1\r\n", b"a1"),
        (b"]a.b-c$ x", b"]a.b-c$"),
        (b"", b"*"),
        (b" a", b"*"),
        (b"+ x", b"*"),
        (b"a+ x", b"*"),
        (b"* x", b"*"),
        (b'"a" x', b"*"),
        (b"a\0 x", b"*"),
        (b"\xff x", b"*"),
        (b"x" * 255 + b" NOOP", b"x" * 255),
        (b"x" * 256 + b" NOOP", b"*"),
    ],
)
def test_tag_of(raw: bytes, tag: bytes) -> None:
    assert tag_of(raw) == tag


def test_what_a_literal_too_large_is_answered() -> None:
    """RFC 5464 §4.3 for SETMETADATA; all others RFC 7888 §4."""
    most = ImapSettings(max_metadata_value_octets=1024)
    for begin in (b"a SETMETADATA x (/private/a {1025}\r\n", b"a setmetadata "):
        for size in (1025, None):
            assert too_large(begin, size, most) == Bad(b"a", "Value too large", b"NO", b"METADATA MAXSIZE 1024")
    assert too_large(b"a SETMETADATA {1024}", 1024, most).code == b"TOOBIG"  # by LITERAL-
    assert too_large(b"a LOGIN {5000000}", 5000000, most) == Bad(b"a", "Literal too large", code=b"TOOBIG")
