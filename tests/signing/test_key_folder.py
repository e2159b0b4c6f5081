"""Keys on the disk: modes, order, crashes, other processes."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from postroom.signing import KeyFolder, KeySet, KeyTrouble, State
from postroom.signing.key_folder import Change, file_name
from postroom.signing.types import Key


class Died(BaseException):
    """The process is killed here."""


class Mortal:
    """Counts steps, and dies at one."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps: list[str] = []

    def __call__(self, step: str) -> None:
        self.steps.append(step)
        if len(self.steps) == self.at:
            raise Died(step)


def a_set(name: str, revoked: float | None = None) -> KeySet:
    key = Key(selector=name, algorithm="rsa-sha256", record="v=DKIM1; k=rsa; p=AA", file=f"{name}.pem")
    return KeySet(name=name, made=1.0, use_from=1.0, keys=(key,), revoked=revoked)


def with_set(state: State, *sets: KeySet) -> State:
    return msgspec.structs.replace(state, domains={**state.domains, "a.test": sets})


def first(state: State) -> Change:
    return Change(with_set(state, a_set("1")), {"1.pem": b"one"})


def second(state: State) -> Change:
    return Change(with_set(state, a_set("1", 2.0), a_set("2")), {"2.pem": b"two"}, ("1.pem",))


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = KeyFolder(tmp_path)
        assert folder.read() == State()
        assert folder.stamp() is None
        assert folder.exposed() == []
        folder.change(first)
    finally:
        os.umask(old)
    path = tmp_path / "dkim"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.iterdir()} == {
        "1.pem": 0o600,
        "keys.json": 0o600,
    }
    assert b"one" not in (path / "keys.json").read_bytes()
    assert folder.private_key("1.pem") == b"one"
    (path / "1.pem").chmod(0o640)
    assert folder.exposed() == ["1.pem"]
    path.chmod(0o755)
    folder.change(second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_whom_the_data_is(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    KeyFolder(tmp_path).change(first)
    found = [tmp_path / "dkim", *(tmp_path / "dkim").iterdir()]
    assert {(one.stat().st_uid, one.stat().st_gid) for one in found} == {(4711, 4712)}


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    data = tmp_path / "data"
    data.mkdir()
    (data / "dkim").symlink_to(elsewhere)
    with pytest.raises(KeyTrouble):
        KeyFolder(data).change(first)
    assert list(elsewhere.iterdir()) == []
    (data / "dkim").unlink()
    (data / "dkim").mkdir(0o700)
    (elsewhere / "precious").write_bytes(b"precious")
    (data / "dkim" / "1.pem.new").symlink_to(elsewhere / "precious")
    KeyFolder(data).change(first)
    assert (elsewhere / "precious").read_bytes() == b"precious"
    assert not (data / "dkim" / "1.pem").is_symlink()


def test_whenever_it_dies_every_named_key_is_there(tmp_path: Path) -> None:
    steps = Mortal(0)
    whole = tmp_path / "whole"
    KeyFolder(whole).change(first)
    KeyFolder(whole, steps).change(second)
    assert {"create 2.pem", "rename keys.json", "remove 1.pem"} <= set(steps.steps)
    seen = set()
    for at in range(1, len(steps.steps) + 1):
        data = tmp_path / str(at)
        KeyFolder(data).change(first)
        with pytest.raises(Died):
            KeyFolder(data, Mortal(at)).change(second)
        folder = KeyFolder(data)
        state = folder.read()
        for one in state.domains["a.test"]:
            if one.revoked is None:
                assert folder.private_key(f"{one.name}.pem") == {"1": b"one", "2": b"two"}[one.name]
        seen.add(len(state.domains["a.test"]))
        assert folder.change(second).domains["a.test"] == (a_set("1", 2.0), a_set("2"))  # and again is possible
        assert sorted(one.name for one in (data / "dkim").iterdir()) == ["2.pem", "keys.json"]
    assert seen == {1, 2}


def test_what_can_not_be_read_is_trouble_with_a_name(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    with pytest.raises(KeyTrouble):
        folder.private_key("1.pem")
    folder.change(first)
    with pytest.raises(KeyTrouble, match=r"2\.pem"):
        folder.private_key("2.pem")
    (tmp_path / "dkim" / "1.pem").write_bytes(b"x" * 70_000)
    with pytest.raises(KeyTrouble, match="more than"):
        folder.private_key("1.pem")
    for octets in (b"", b"{", b'{"version": 2}', b'{"domains": {"a.test": [{"name": 1}]}}'):
        (tmp_path / "dkim" / "keys.json").write_bytes(octets)
        with pytest.raises(KeyTrouble, match=r"keys\.json"):
            folder.read()
        with pytest.raises(KeyTrouble):
            folder.change(first)
        assert (tmp_path / "dkim" / "keys.json").read_bytes() == octets  # nothing is lost to a mistake


def test_changes_at_once_do_not_lose_each_other(tmp_path: Path) -> None:
    def add(number: int) -> None:
        def work(state: State) -> Change:
            domains = {**state.domains, f"{number}.test": (a_set(str(number)),)}
            return Change(msgspec.structs.replace(state, domains=domains), {f"{number}.pem": b"x"})

        KeyFolder(tmp_path).change(work)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(16)))
    assert len(KeyFolder(tmp_path).read().domains) == 16
    assert len(list((tmp_path / "dkim").glob("*.pem"))) == 16


def test_the_stamp_tells_of_a_change(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    stamps = [folder.stamp()]
    for work in (first, second):
        folder.change(work)
        stamps.append(folder.stamp())
    assert len(set(stamps)) == 3
    folder.change(lambda state: None)
    assert folder.stamp() == stamps[-1]


def test_names_of_files_fit() -> None:
    long = ".".join(["a" * 60] * 4)
    assert file_name("a.test", "20261126-rsa") == "a.test_20261126-rsa.pem"
    assert len(file_name(long, "20261126b-ed25519")) < 255
    assert file_name(long, "s") != file_name("b" + long[1:], "s")
