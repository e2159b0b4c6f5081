import os
from pathlib import Path

import pytest

from postroom.interchange.message_files import (
    eml_count,
    eml_messages,
    maildir_count,
    maildir_keywords,
    maildir_messages,
)
from postroom.interchange.types import FoundMessage


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    return tmp_path


def put(folder: Path, name: str, text: bytes = b"A: 1\n\nx\n", date: int = 1_500_000_000) -> None:
    (folder / name).write_bytes(text)
    os.utime(folder / name, (date, date))


def found(folder: Path) -> list[FoundMessage]:
    return list(maildir_messages(folder, 4096))


def test_messages_in_the_order_of_their_delivery(maildir: Path) -> None:
    put(maildir, "cur/1500000010.M1P1.host:2,S")
    put(maildir, "new/1500000005.M1P1.host")
    put(maildir, "cur/900000000.M1P1.host:2,", date=900_000_000)
    put(maildir, "tmp/1500000011.M1P1.host")
    put(maildir, "cur/.hidden")
    messages = found(maildir)
    assert [one.salt for one in messages] == [b"900000000.M1P1.host", b"1500000005.M1P1.host", b"1500000010.M1P1.host"]
    assert [one.key for one in messages] == sorted(one.key for one in messages)
    assert [one.date for one in messages] == [900_000_000, 1_500_000_000, 1_500_000_000]
    assert [one.position for one in messages] == [1, 2, 3]
    assert b"".join(messages[0].pieces) == b"A: 1\r\n\r\nx\r\n"
    assert maildir_count(maildir) == 3


def test_flags_and_keywords_of_names(maildir: Path) -> None:
    (maildir / "dovecot-keywords").write_text("0 $label1\n1 work\nx y\n99 far\n2\n")
    assert maildir_keywords(maildir) == {"a": "$label1", "b": "work"}
    put(maildir, "cur/1.a:2,DFPRSTabc")
    put(maildir, "cur/2.a;2,S")
    put(maildir, "cur/3.a")
    put(maildir, "new/4.a:2,S")  # what is new has no flags yet
    flags = [one.flags for one in found(maildir)]
    everything = {"\\Draft", "\\Flagged", "$Forwarded", "\\Answered", "\\Seen", "\\Deleted", "$label1", "work"}
    assert flags == [everything, {"\\Seen"}, set(), set()]


def test_a_message_keeps_its_mark_when_its_flags_change(maildir: Path) -> None:
    put(maildir, "new/1.a")
    [before] = found(maildir)
    (maildir / "new/1.a").rename(maildir / "cur/1.a:2,S")
    [after] = found(maildir)
    assert (before.key, before.salt) == (after.key, after.salt)


def test_a_file_that_is_gone_is_named(maildir: Path) -> None:
    put(maildir, "cur/1.a")
    put(maildir, "cur/2.a")
    messages = maildir_messages(maildir, 4096)
    assert next(messages).refused == ""
    (maildir / "cur/2.a").unlink()
    assert "can't be read" in next(messages).refused


def test_eml_files(tmp_path: Path) -> None:
    put(tmp_path, "b.eml")
    put(tmp_path, "A.EML", b"A: 2\r\n")
    put(tmp_path, "c.txt")
    messages = list(eml_messages(tmp_path, 4096))
    assert [Path(one.place).name for one in messages] == ["A.EML", "b.eml"]
    assert [(one.date, one.file_date) for one in messages] == [(None, 1_500_000_000)] * 2
    assert b"".join(messages[0].pieces) == b"A: 2\r\n"
    assert messages[0].salt != messages[1].salt
    assert eml_count(tmp_path) == 2
