"""Port 80: the answers of http-01 and nothing else."""

import asyncio
from pathlib import Path

import pytest
from tests.net.certificates import listening

from postroom.acme import Answers, AnswerService


@pytest.mark.parametrize(
    ("request_octets", "status", "body"),
    [
        (b"GET /.well-known/acme-challenge/tok HTTP/1.1\r\nHost: a.test\r\n\r\n", b"200", b"tok.print"),
        (b"GET /.well-known/acme-challenge/tok?x=1 HTTP/1.1\r\nHost: a.test\r\n\r\n", b"200", b"tok.print"),
        (b"HEAD /.well-known/acme-challenge/tok HTTP/1.1\r\nHost: a.test\r\n\r\n", b"200", b""),
        (b"GET /.well-known/acme-challenge/other HTTP/1.1\r\nHost: a.test\r\n\r\n", b"404", b""),
        (b"GET /.well-known/acme-challenge/../account-key.pem HTTP/1.1\r\nHost: a.test\r\n\r\n", b"404", b""),
        (b"GET /tok HTTP/1.1\r\nHost: a.test\r\n\r\n", b"404", b""),
        (b"GET tok HTTP/1.1\r\nHost: a.test\r\n\r\n", b"404", b""),
        (b"POST /.well-known/acme-challenge/tok HTTP/1.1\r\nHost: a.test\r\n\r\n", b"405", b""),
        (b"EHLO a.test\r\n\r\n", b"400", b""),
    ],
)
def test_answers(tmp_path: Path, request_octets: bytes, status: bytes, body: bytes) -> None:
    answers = Answers(tmp_path)
    answers.put_http("tok", "tok.print")

    async def main() -> None:
        async with listening(AnswerService(answers).serve) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_octets)
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
            assert head.split(b" ", 2)[1] == status
            assert rest == body
            writer.close()

    asyncio.run(main())


def test_who_leaves_in_the_middle_does_no_harm(tmp_path: Path) -> None:
    async def main() -> None:
        async with listening(AnswerService(Answers(tmp_path)).serve) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /.well-known")
            writer.write_eof()
            assert (await reader.read()).startswith(b"HTTP/1.1 400")
            writer.close()

    asyncio.run(main())
