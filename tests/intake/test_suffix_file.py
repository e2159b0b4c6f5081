"""The public suffix list of `authentication.public_suffix_list`: when it is read, and what it decides."""

import asyncio
import logging
import os
from pathlib import Path

import pytest
from tests.intake.strangers import key_record, letter, signed

from postroom.base import SystemClock
from postroom.dns import StaticResolver
from postroom.intake import Authentication, AuthenticationSettings, Source
from postroom.intake.authentication import Checked
from postroom.intake.suffix_file import SuffixFile, SuffixFileUnreadable, read_suffix_file
from postroom.mailauth.dmarc import MAX_LIST_OCTETS, DmarcResult

# evil.co.uk has signed what says that it is from bank.co.uk, and the suffix above both has an old record
FORGED = signed(letter("ceo@bank.co.uk"), "evil.co.uk")
RECORDS = {
    "_dmarc.bank.co.uk": ["v=DMARC1; p=reject"],
    "_dmarc.co.uk": ["v=DMARC1; p=none"],
    **{name: value["TXT"] for name, value in key_record("evil.co.uk").items()},
}


def authentication(path: Path | None) -> Authentication:
    settings = AuthenticationSettings(public_suffix_list=str(path or ""))
    return Authentication(StaticResolver(txt_records=RECORDS), SystemClock(), settings, hostname="foo.com")


async def check(shared: Authentication, octets: bytes) -> Checked:
    header, _, body = octets.partition(b"\r\n\r\n")
    checking = shared.look(Source("", ""), "", envelope=False)
    checking.header(header + b"\r\n\r\n")
    checking.body(body)
    try:
        return await checking.conclude()
    finally:
        checking.close()


def test_the_list_decides_where_records_do_not(tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    path.write_text("uk\nco.uk\n")

    async def go(path: Path | None) -> Checked:
        shared = authentication(path)
        try:
            return await check(shared, FORGED)
        finally:
            await shared.close()

    alone = asyncio.run(go(None)).evidence.dmarc
    assert (alone.result, alone.organisational, alone.by_list) == (DmarcResult.PASS, "co.uk", False)
    checked = asyncio.run(go(path))
    listed = checked.evidence.dmarc
    assert (listed.result, listed.organisational, listed.by_list) == (DmarcResult.FAIL, "bank.co.uk", True)
    assert checked.judgement.action == "reject"


def test_another_list_is_taken_by_a_reload(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "list.dat"
    path.write_text("uk\n")
    settings = AuthenticationSettings(public_suffix_list=str(path))

    async def go() -> None:
        shared = authentication(path)
        assert shared.organisation("a.bank.co.uk") == "co.uk"
        path.write_text("uk\nco.uk\n")
        shared.take(settings)
        assert shared.organisation("a.bank.co.uk") == "bank.co.uk"
        path.unlink()
        with caplog.at_level(logging.ERROR):
            shared.take(settings)
        assert "the old list stays" in caplog.text
        assert shared.organisation("a.bank.co.uk") == "bank.co.uk"
        shared.take(AuthenticationSettings())
        assert shared.organisation("a.bank.co.uk") is None
        await shared.close()

    asyncio.run(go())


def test_a_list_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SuffixFileUnreadable, match=r"authentication\.public_suffix_list"):
        authentication(tmp_path / "none")


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "list.dat"
    path.write_text("uk\nco.uk\n")
    suffixes = SuffixFile()
    suffixes.take(str(path))
    about = path.stat()
    path.write_text("uk\nac.uk\n")  # as many octets, and as old
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    suffixes.take(str(path))
    assert suffixes("a.bank.co.uk") == "bank.co.uk"
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    suffixes.take(str(path))
    assert suffixes("a.bank.co.uk") == "co.uk"


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "no rule"),
        (b"\xff\xfe", "decode"),
        (b"com\n" * (MAX_LIST_OCTETS // 4 + 1), f"more than {MAX_LIST_OCTETS} octets"),
    ],
)
def test_a_file_that_is_no_list(tmp_path: Path, octets: bytes, words: str) -> None:
    path = tmp_path / "list.dat"
    path.write_bytes(octets)
    with pytest.raises(SuffixFileUnreadable, match=words):
        read_suffix_file(str(path))


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(SuffixFileUnreadable, match=str(tmp_path)):
        read_suffix_file(str(tmp_path))
