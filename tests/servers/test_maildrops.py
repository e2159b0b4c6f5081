"""Maildrops between processes; two objects of one process share the kernel's locks, so only the sign-ins are shown."""

from pathlib import Path

from postroom.servers.maildrops import Maildrops


def test_a_maildrop_is_taken_once(tmp_path: Path) -> None:
    drops = Maildrops(tmp_path)
    assert drops.take(3)
    assert not drops.take(3)
    assert drops.take(4)
    drops.give_back(3)
    assert drops.taken == {4}
    drops.close()
    assert drops.taken == frozenset()


def test_a_sign_in_is_known_to_all_until_the_server_starts_anew(tmp_path: Path) -> None:
    one, two = Maildrops(tmp_path), Maildrops(tmp_path)
    assert one.last_sign_in(70_000) is None
    two.remember_sign_in(70_000, 12.5)
    assert one.last_sign_in(70_000) == 12.5
    assert one.last_sign_in(69_999) is None
    assert (tmp_path / "pop3-sign-ins").stat().st_blocks * 512 < 70_000
    two.remember_sign_in(70_000, 13.5)
    assert one.last_sign_in(70_000) == 13.5
    for drops in (one, two):
        drops.close()
    Maildrops.forget_sign_ins(tmp_path)
    Maildrops.forget_sign_ins(tmp_path)
    assert one.last_sign_in(70_000) is None
    one.close()
