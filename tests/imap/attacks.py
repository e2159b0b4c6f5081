"""Words to attack IMAP's grammar with, and a strategy that puts them into sound commands. Not a test itself."""

from pathlib import Path

from hypothesis import strategies as st

from postroom.imap import COMMANDS

_TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"

# What may stand before the word that goes wrong, so that it meets each part of the grammar
PREFIXES = [
    b"", b"1 ", b"1:* ", b"INBOX ", b'"" ', b"1 (", b"INBOX (", b"1 (FLAGS) (", b"RETURN (", b"1 FLAGS ",
    b"1 (UNCHANGEDSINCE ", b"1 FLAGS (CHANGEDSINCE ", b"(FROM) UTF-8 ", b"REFERENCES UTF-8 ", b"IN (", b"IN (SUBTREE ",
    b"INBOX (QRESYNC (1 1 ", b"INBOX (QRESYNC (1 1 1 (", b"1 BODY[", b"1 BODY[HEADER.FIELDS (", b"1 BODY[]<",
    b"INBOX CATENATE (", b'INBOX (\\Seen) "', b'"" (', b'"" "" RETURN (', b"(MAXSIZE ", b"INBOX (/shared/comment ",
    b"SET (PERSONAL (", b"SET STATUS (SELECTED (MessageNew (", b"SET (SUBTREE (", b"INBOX anyone ",
    b"INBOX identifier +", b"OR ", b"NOT ", b"HEADER ", b"UID ", b"LARGER ",
    b"BEFORE ", b"KEYWORD ", b"MODSEQ ", b"EMAILID ", b"(",
]  # fmt: skip

# None of these announces a literal at its end that would have to be sent, or that could not be skipped
WORDS = [
    b"(" * 1000, b"(" * 30_000, b")" * 1000, b"{" * 30_000, b"}{" * 1000, b"{5}{5}x", b"{0+}\r\n" * 500, b"{0+}\r\n",
    b"{3+}\r\nabc", b"~{3+}\r\nabc", b"~{0+}\r\n", b"{3+}\r\na\0c", b"{4+}\r\n\r\n\r\n",
    b"{70000+}\r\n" + b"x" * 70_000, b"{99999999999}", b"{4294967296}", b"{18446744073709551616}", b"~{99999999999}",
    b"\0", b"\xff\xfe", b"\xc3\xa9", b"\x7f", b"\x01", b"\t", b"a" * 30_000, b"()", b"(())", b"( )", b"(a b", b"a)",
    b'"' + b'\\"' * 10_000 + b'"', b'"\\', b'"\\x"', b'"', b'""', b'"\\\\"', b"\\", b"\\Seen", b"(\\Seen)", b"(\\)",
    b"\\*", b"0", b"00", b"-1", b"9" * 20, b"9" * 5000, b"0" * 5000 + b"1", b"4294967295", b"4294967296",
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"*", b"$", b"$,$", b"1,$", b"*:1",
    b"9:1", b"4294967295:*", b":", b",", b",".join(b"%d" % number for number in range(1, 20_000, 2)),
    b"1:4294967295," * 4000 + b"1", b"*:*," * 10_000 + b"*", b"NIL", b"INBOX", b"inbox", b"%", b"*%" * 400, b"%%",
    b"&", b"&AAA-", b"&2AA-", b"&AGE-", b"&-&-", b"&Jjo", b"&Jjo-a", b"a/" * 400, b"/", b"//", b"]", b"[", b"[]",
    b"<", b"<0.0>", b"0.4294967296>", b"1." * 200 + b"1]", b"1.0]", b"TEXT.1]", b"99999999999999999999.1>",
    b"OR " * 1000 + b"ALL", b"NOT " * 1000 + b"ALL", b"ALL " * 3000 + b"ALL", b"1-Jan-0001", b"31-Dec-9999",
    b"29-Feb-1900", b"00-Jan-2000", b'01-Jan-0001 00:00:00 +9959"', b'31-Dec-9999 23:59:60 -9959"', b"PRECEDENCE",
    b"CHARSET X-UNKNOWN ALL", b"CHARSET idna ALL", b"CHARSET zlib TEXT x", b"CHARSET UTF-7 TEXT +AAA-",
    b"(" + b" ".join(b"k%d" % number for number in range(5000)) + b")", b"+ " * 1000, b"UID UID UID",
    b"RETURN RETURN",
]  # fmt: skip


def _seeds() -> list[bytes]:
    """Every command that the transcripts have, and its name with nothing."""
    found: dict[bytes, None] = {}
    for path in sorted(_TRANSCRIPTS.glob("imap*/*.txt")):
        for line in path.read_bytes().splitlines():
            side, _, text = line.partition(b": ")
            words = text.split(b" ")
            if side.startswith(b"C") and len(words) > 1 and b"\\" not in text.replace(b"(\\", b"").replace(b" \\", b""):
                name = b" ".join(words[1:3]).upper() if words[1].upper() == b"UID" else words[1].upper()
                if name in COMMANDS and not text.endswith(b"}"):
                    found[b" ".join(words[1:])] = None
    return [*found, *COMMANDS]


SEEDS = _seeds()
_literals = st.builds(
    lambda octets, eight: b"~" * eight + b"{%d+}\r\n%b" % (len(octets), octets),
    st.binary(max_size=20) | st.just(b"x NOOP\r\n"),
    st.booleans(),
)
_words = st.sampled_from([word for word in WORDS if len(word) < 2000]) | _literals


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A command, without a tag and its CRLF, with a few of its words put out of order."""
    words = draw(st.sampled_from(SEEDS)).split(b" ")
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(words) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                words[at] = draw(_words)
            case 1:
                words.insert(at, draw(_words))
            case 2:
                words[at] *= 2
            case 3:
                words[at] = b"(" + words[at] + b")"
            case 4 if len(words) > 2 and at:
                del words[at]
            case _:
                words[at] = b"{%d+}\r\n%b" % (len(words[at]), words[at])
    command = b" ".join(words)
    return command + b" x" if command.endswith(b"}") else command  # announces no literal
