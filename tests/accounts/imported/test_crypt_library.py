"""The machine's libcrypt, and a machine without one."""

from collections.abc import Iterator

import pytest
from tests.accounts.imported.test_crypt_digests import VECTORS

from postroom.accounts.imported import crypt_library
from postroom.accounts.imported.crypt_library import library_crypt, library_knows


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    yield
    crypt_library._function.cache_clear()
    library_knows.cache_clear()


@pytest.mark.parametrize(("password", "hashed"), VECTORS)
def test_it_agrees_with_our_own(password: str, hashed: str) -> None:
    if not library_knows(f"{hashed[:3]}saltsalt$"):
        pytest.skip("the libcrypt of this machine does not know it")
    assert library_crypt(password.encode(), hashed) == hashed


@pytest.mark.parametrize(
    ("example", "hashed"),
    [
        ("$y$j75$saltsalt$", "$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2"),
        ("$gy$j75$saltsalt$", "$gy$j75$saltsalt$lKLXtt/QvsyxW9ILYZt1u1hNXyI7ZoBnbdUTsPBwSi5"),
        ("ab", "abNANd1rDfiNc"),
    ],
)
def test_what_only_it_knows(example: str, hashed: str) -> None:
    if not library_knows(example):
        pytest.skip("the libcrypt of this machine does not know it")
    assert library_crypt(b"secret", hashed) == hashed
    assert library_crypt(b"Secret", hashed) != hashed


def test_what_it_does_not_know() -> None:
    assert not library_knows("$nonsense$salt$")
    with pytest.raises(ValueError):
        library_crypt(b"secret", "$nonsense$salt$")


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypt_library, "_NAMES", ("libnowhere.so.9",))
    crypt_library._function.cache_clear()
    library_knows.cache_clear()
    assert not library_knows("$y$j75$saltsalt$")
    with pytest.raises(ValueError, match="no libcrypt"):
        library_crypt(b"secret", "$6$saltsalt$")
