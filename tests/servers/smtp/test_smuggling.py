"""What one server could take for text and another for commands: a table of tricks over real sockets, and none works.

Each trick brings a MAIL FROM:<evil@bar.com> in, where it has no business as a command. So no message may ever arrive
from there; replies and their number say how the trick was read.
"""

import asyncio
from dataclasses import dataclass

import pytest

from postroom.net import Listener, NetSettings, Networks
from postroom.servers.smtp import RELAY
from postroom.smtp import SmtpSettings

from .room import client, service, serving

HELLO = b"EHLO bar.com\r\n"
MAIL, RCPT = b"MAIL FROM:<a@bar.com>\r\n", b"RCPT TO:<bob@foo.com>\r\n"
BEGUN = MAIL + RCPT
EVIL = b"MAIL FROM:<evil@bar.com>\r\nRCPT TO:<bob@foo.com>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n"
HEAD = b"Subject: x\r\n\r\n"


@dataclass(frozen=True)
class Trick:
    name: str
    said: bytes  # behind EHLO, in one piece
    codes: list[int]  # of all replies
    arrived: int = 0  # messages, none of them from evil@bar.com
    closed: bool = False


def bdat(data: bytes, *, last: bool = True, size: bytes | None = None) -> bytes:
    return b"BDAT %b%b\r\n%b" % (size if size is not None else b"%d" % len(data), b" LAST" if last else b"", data)


def data(text: bytes) -> bytes:
    return BEGUN + b"DATA\r\n" + text + b"\r\n.\r\n"


DATA_TRICKS = [
    Trick(f"end of DATA: {end!r}", data(HEAD + b"text" + end + EVIL[:-5]), [250, 250, 354, 550])
    for end in (
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\n\n"[:5],
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
    )
]

TRICKS = [
    *DATA_TRICKS,
    Trick(
        "dots that are doubled",
        data(HEAD + b"..\r\n..\r\n" + EVIL[:-5].replace(b"\r\n.", b"\r\n..")),
        [250, 250, 354, 250],
        1,
    ),
    # ---- the end of a chunk is where its count says
    Trick("a false end in a chunk", BEGUN + bdat(HEAD + b"\r\n.\r\n" + EVIL), [250, 250, 250], 1),
    Trick("a false end of bare LFs in a chunk", BEGUN + bdat(HEAD + b"\n.\n" + EVIL), [250, 250, 550]),
    Trick(
        "a CRLF between chunks",
        BEGUN + bdat(HEAD + b"\r", last=False) + bdat(b"\n.\r\n" + EVIL),
        [250, 250, 250, 250],
        1,
    ),
    Trick("a CR at the end of the last chunk", BEGUN + bdat(HEAD + b"\r"), [250, 250, 550]),
    Trick(
        "a bare CR between chunks", BEGUN + bdat(HEAD + b"\r", last=False) + bdat(b".\r" + EVIL), [250, 250, 250, 550]
    ),
    Trick("a NUL in a chunk", BEGUN + bdat(HEAD + b"\0" + EVIL), [250, 250, 550]),
    Trick("a chunk behind a refused RCPT", MAIL + b"RCPT TO:<x@foo.com>\r\n" + bdat(EVIL), [250, 550, 554]),
    Trick("a chunk behind a refused MAIL", b"MAIL FROM:<\r\n" + bdat(EVIL), [501, 503]),
    Trick("a chunk behind the last one", BEGUN + bdat(HEAD) + bdat(EVIL), [250, 250, 250, 503], 1),
    Trick("a chunk in a second MAIL", BEGUN + bdat(HEAD, last=False) + MAIL + bdat(EVIL), [250, 250, 250, 503, 250], 1),
    Trick(
        "commands between chunks",
        BEGUN + bdat(HEAD, last=False) + RCPT + b"NOOP\r\n" + bdat(b""),
        [250, 250, 250, 503, 250, 250],
        1,
    ),
    Trick("RSET between chunks", BEGUN + bdat(HEAD, last=False) + b"RSET\r\n" + bdat(EVIL), [250, 250, 250, 250, 503]),
    Trick("EHLO between chunks", BEGUN + bdat(HEAD, last=False) + HELLO + bdat(EVIL), [250, 250, 250, 250, 503]),
    Trick(
        "commands pipelined behind a chunk are commands",
        BEGUN + bdat(HEAD) + BEGUN + bdat(HEAD) + b"NOOP\r\n",
        [250] * 7,
        2,
    ),
    # ---- where nobody knows how many octets follow, the session is over
    *(
        Trick(f"size {size!r}", BEGUN + bdat(EVIL, size=size), [250, 250, 501], closed=True)
        for size in (b"", b"-1", b"+9", b"0x10", b"1e3", b"10,", b"9" * 21, b"1 1", b"LAST", "١".encode())
    ),
    Trick("a line end in the size", BEGUN + b"BDAT 9\nLAST\r\n" + EVIL, [250, 250, 501], closed=True),
    Trick("a CR in the size", BEGUN + b"BDAT 9\rLAST\r\n" + EVIL, [250, 250, 501], closed=True),
    Trick("a NUL behind the size", BEGUN + b"BDAT 9 LAST\0\r\n" + EVIL, [250, 250, 501], closed=True),
    Trick("a tab before the size", BEGUN + b"BDAT\t9 LAST\r\n" + EVIL, [250, 250, 501], closed=True),
    Trick("a size that is too long", BEGUN + b"BDAT 9" + b" " * 3000 + b"\r\n" + EVIL, [250, 250, 501], closed=True),
    # ---- both ways of sending
    Trick(
        "DATA behind a chunk",
        BEGUN + bdat(HEAD, last=False) + b"DATA\r\n" + EVIL,
        [250, 250, 250, 503, 421],
        closed=True,
    ),
    Trick("BDAT within DATA is text", data(HEAD + bdat(b"x") + b"\r\n" + EVIL[:-5]), [250, 250, 354, 250], 1),
    Trick(
        "DATA for binary mail",
        b"MAIL FROM:<a@bar.com> BODY=BINARYMIME\r\n" + RCPT + b"DATA\r\n" + EVIL,
        [250, 250, 503, 421],
        closed=True,
    ),
    Trick(
        "a binary message with a header of bare LFs",
        b"MAIL FROM:<a@bar.com> BODY=BINARYMIME\r\n" + RCPT + bdat(b"Subject: x\nBcc: y\n\n" + EVIL),
        [250, 250, 550],
    ),
    Trick(
        "a binary message with a false end in its body",
        b"MAIL FROM:<a@bar.com> BODY=BINARYMIME\r\n" + RCPT + bdat(HEAD + b"\n.\n\r.\r\r\n.\r\n\0" + EVIL),
        [250, 250, 250],
        1,
    ),
    # ---- lines
    Trick("a command behind a bare LF", b"NOOP\n" + EVIL[:24] + b"\r\nNOOP\r\n", [500, 250]),
    Trick("a command behind a bare CR", b"NOOP\r" + EVIL[:24] + b"\r\nNOOP\r\n", [500, 250]),
    Trick("a command in an address", b"MAIL FROM:<a@bar.com\n" + EVIL[:24] + b">\r\n", [500]),
    Trick("a message behind a refused DATA", MAIL + b"DATA\r\n" + EVIL, [250, 554, 421], closed=True),
    Trick("a web browser", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + EVIL, [500], closed=True),
    # ---- a PROXY header is a command that nobody knows, unless it is a proxy's and comes first
    Trick("a PROXY line", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\nNOOP\r\n", [500, 250]),
    Trick(
        "a PROXY line in a chunk",
        BEGUN + bdat(HEAD + b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n" + EVIL),
        [250, 250, 250],
        1,
    ),
    Trick(
        "a PROXY header of version 2",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\1" * 12 + b"\r\nNOOP\r\n",
        [500, 500, 500, 500, 250],
    ),
]


WHOLE = 1 << 20
# Who goes on sending to a connection that is closed may lose the replies before that: such tricks are sent whole alone.
RUNS = [(trick, WHOLE) for trick in TRICKS] + [(trick, 1) for trick in TRICKS if not trick.closed]


@pytest.mark.parametrize(
    ("trick", "step"), RUNS, ids=[f"{trick.name}{'' if step == WHOLE else ', by octets'}" for trick, step in RUNS]
)
def test_a_trick(trick: Trick, step: int) -> None:
    async def body() -> None:
        async with serving() as room, client(room, "smtp") as peer:
            for at in range(0, len(trick.said), step):
                peer.writer.write(trick.said[at : at + step])
                if step == 1 and not at % 16:
                    await asyncio.sleep(0)
            seen = [await peer.code() for _ in trick.codes]
            assert seen == trick.codes
            if trick.closed:
                assert await after_the_end(peer.reader) == b""
            else:
                assert (await peer.say("QUIT"))[0].startswith("221 ")  # and nothing was left over before it
            messages = await room.messages("bob@foo.com")
            assert len(messages) == trick.arrived
            assert all(message.startswith(b"Return-Path: <a@bar.com>\r\n") for message in messages)

    asyncio.run(body())


async def after_the_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:  # of what was sent, something was never read
        return b""


def test_a_listed_proxy_hands_over_once() -> None:
    """The header comes with EHLO and a chunk in one piece; a second header is no more than a command."""

    async def body() -> None:
        async with serving() as room:
            made = service(room, RELAY, SmtpSettings())
            listener = Listener("front", made, NetSettings(), proxies=Networks(["127.0.0.0/8"]))
            listener.bind(["127.0.0.1:0"])
            await listener.start()
            room.listeners["front"] = listener
            header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
            writer.write(
                header + HELLO + header.replace(b"2.1 ", b"2.9 ") + BEGUN + bdat(HEAD + header + EVIL) + b"QUIT\r\n"
            )
            said = await reader.read()
            codes = [int(line[:3]) for line in said.split(b"\r\n") if line[3:4] == b" "]
            assert codes == [220, 250, 500, 250, 250, 250, 221]
            (message,) = await room.messages("bob@foo.com")
            assert b"Received: from bar.com ([192.0.2.1])" in message
            writer.close()

    asyncio.run(body())
