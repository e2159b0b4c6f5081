import io
from pathlib import Path

import pytest

from postroom.interchange import InterchangeSettings, NotMail, Source, find_source

FROM = b"From a Mon Jan  6 10:00:00 2020\nA: 1\n\nx\n\n"
SETTINGS = InterchangeSettings()


def look(path: Path | None, format_: str = "auto") -> Source:
    return find_source(path, format_, SETTINGS)


def make(root: Path, **files: bytes) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def names(source: Source) -> dict[str, int]:
    return {folder.name: len(list(folder.messages())) for folder in source.folders}


def test_one_mbox(tmp_path: Path) -> None:
    make(tmp_path, x=FROM * 2, y=b"A: 1\n")
    source = look(tmp_path / "x")
    assert (source.format, names(source), source.folders[0].extent) == ("mbox", {"": 2}, len(FROM) * 2)
    with pytest.raises(NotMail, match='does not begin with "From "'):
        look(tmp_path / "y")
    with pytest.raises(NotMail, match="folder"):
        look(tmp_path / "x", "maildir")


def test_standard_input_is_an_mbox() -> None:
    source = find_source(None, "auto", SETTINGS, io.BytesIO(FROM))
    assert names(source) == {"": 1}
    with pytest.raises(NotMail):
        find_source(None, "maildir", SETTINGS, io.BytesIO(FROM))


def test_thunderbirds_tree(tmp_path: Path) -> None:
    make(
        tmp_path,
        **{
            "Inbox": FROM,
            "Inbox.msf": b"// mork",
            "Inbox.sbd/Lists": FROM * 2,
            "Inbox.sbd/Lists.sbd/Übung": FROM,
            "Empty": b"",
            "takeout.mbox": FROM,
            ".hidden": FROM,
        },
    )
    source = look(tmp_path)
    assert names(source) == {"Inbox": 1, "Inbox/Lists": 2, "Inbox/Lists/Übung": 1, "takeout": 1}
    assert source.passed_over == 2


def test_apples_tree(tmp_path: Path) -> None:
    make(tmp_path, **{"Old.mbox/mbox": FROM, "Old.mbox/table_of_contents": b"x"})
    assert names(look(tmp_path)) == {"Old": 1}


def test_maildir_plus_plus(tmp_path: Path) -> None:
    make(
        tmp_path,
        **{
            "cur/1.a:2,S": b"x",
            "new/2.a": b"x",
            ".Sent/cur/1.a:2,S": b"x",
            ".A.B/new/1.a": b"x",
            ".&ANw-bung/cur/1.a": b"x",
            ".v1&AC4-0/cur/1.a": b"x",
            ".A&B/cur/1.a": b"x",
            "dovecot-uidlist": b"x",
        },
    )
    source = look(tmp_path)
    assert source.format == "maildir"
    assert names(source) == {"": 2, "Sent": 1, "A/B": 1, "Übung": 1, "v1.0": 1, "A&B": 1}
    assert {folder.name: folder.extent for folder in source.folders}[""] == 2


def test_maildir_folders_in_folders(tmp_path: Path) -> None:
    make(tmp_path, **{"A/cur/1.a": b"x", "A/B.c/new/1.a": b"x"})
    assert names(look(tmp_path)) == {"A": 1, "A/B.c": 1}


def test_eml_files(tmp_path: Path) -> None:
    make(tmp_path, **{"a.eml": b"x", "below/b.eml": b"x", "below/notes.txt": b"x"})
    source = look(tmp_path)
    assert (source.format, names(source), source.passed_over) == ("eml", {"": 1, "below": 1}, 1)
    assert names(look(tmp_path / "a.eml")) == {"": 1}
    assert names(look(tmp_path / "below" / "notes.txt", "eml")) == {"": 1}


def test_a_folder_without_mail(tmp_path: Path) -> None:
    make(tmp_path, **{"notes.txt": b"x"})
    with pytest.raises(NotMail, match="no mbox files, Maildir folders or"):
        look(tmp_path)
    with pytest.raises(NotMail, match="there are no eml in"):
        look(tmp_path, "eml")


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    make(tmp_path, x=FROM)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert names(look(tmp_path)) == {"x": 1}


def test_messages_that_look_like_an_mbox_are_messages(tmp_path: Path) -> None:
    make(tmp_path, **{"m/cur/1.a": FROM, "m/.B/cur/1.a": FROM, "e/a.eml": FROM})
    assert names(look(tmp_path / "m")) == {"": 1, "B": 1}
    assert names(look(tmp_path / "e")) == {"": 1}
