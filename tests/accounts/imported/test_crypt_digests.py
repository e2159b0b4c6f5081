"""crypt(3) made of digests, against what libxcrypt and openssl made."""

import pytest

from postroom.accounts.imported.crypt_digests import crypt_digest, rounds

LONG = "pässword" * 20
_LONG_SHA512 = (
    "$6$rounds=1000$roundstoolow$CNhCDMWfJo7OShvr8OvsftmifjedPvJjd.bRTq5vQlzwx/uefTwO8djBMCmvzFSftkOSCEBomqUp1taHPBTyv0"
)
VECTORS = [
    (LONG, _LONG_SHA512),
    ("Hello world!", "$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1"),
    ("pässword", "$1$ab$zSxXTAOa3MsUL6fbBrrN71"),
    ("", "$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0"),
    ("Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
    ("Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
    ("x", "$5$rounds=1400$anotherlongsalts$Sc7CqXjeEEW7pIUfR0icTkllEosG2v2TDtavSKgJkZD"),
    (LONG, "$5$short$T7XzNokdMRBDLyPTLKJElWRVv4sj2H0ZZ8ZjBO3ua04"),
    (
        "Hello world!",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    ),
    ("", "$6$x$QSmr1Bx2g4O6BzKvdkgOcyU6H91X6I/XBv5pSalMhSPkwdH6Beo3F455xZJg0v//bxVK5F4OE5k1.0xuR26MK0"),
]


@pytest.mark.parametrize(("password", "hashed"), VECTORS)
def test_it_computes_what_others_do(password: str, hashed: str) -> None:
    assert crypt_digest(password.encode(), hashed) == hashed
    assert crypt_digest(password.encode() + b"x", hashed) != hashed


def test_rounds() -> None:
    assert [rounds(hashed) for _, hashed in VECTORS[4:8]] == [5000, 10_000, 1400, 5000]


@pytest.mark.parametrize(
    "broken",
    ["", "$1$", "$2$salt$x", "$5$rounds=999$salt$x", "$5$rounds=0x10$salt$x", "$6$rounds=1e9$salt$x", "$5$salt"],
)
def test_what_is_none_of_them(broken: str) -> None:
    with pytest.raises(ValueError):
        crypt_digest(b"secret", broken)
