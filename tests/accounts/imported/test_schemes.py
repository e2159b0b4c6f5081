"""Hashes of other servers: what Dovecot, OpenLDAP's modules and libxcrypt made of "secret"."""

import base64
import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.accounts import imported
from postroom.accounts.imported import crypt_library, schemes
from postroom.accounts.imported.crypt_library import library_knows

_DOVECOT = """
{PBKDF2}$1$iIfI0VszoO/J9MNn$5000$0b348a2a6da0233bc1037d776fcfd6e921a9bbad
{SSHA}uVffsYj2TvUlErAXs7e7RNteX70IrlSc
{SSHA256}2GqXVpbJ21cV2AaI/G0qpye0wJPV3WDwWWgIbkQF6iyQK2XA
{SSHA512}UgVeOxObGsGwj9+ttEVFy2gbc9TGRZTDRMUgNSZ+FXRiqWg1BJNhhwvMCgyeXy3WpZq4+ZHdLGyGAfZf8g8JtzgTMvQ=
{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=
{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==
{BLF-CRYPT}$2y$05$AHVatd7DEpVsYkfUKp4iU.hQdsKfvjcSB2dNcSNNx92eSiPLzel7O
{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$YBQmF6r+hh7EPs3+Ymj8aA$dj/WVGbdjO/tPyDLrv0PP/easbkuz5ujGds1Oox1Djo
{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$lxw5Ho6JIW6xLcyld10usg$zBzqMz+SVVEsujtm3jcwevXBPO4Iz23a6SyAlmJVznk
{SHA256-CRYPT}$5$eNjF6uxs3AkB9FjE$4Zep.pYmX7vheaQqkQFMRS2IUzMx3wvlrLzo8L5fGn2
{SHA512-CRYPT}$6$6/9tdVNhnVd9zppw$8TLkzLMfs50sv22Bm4Ly4oiet9zdJOfdEs1b1o.Zpr7PYpGqkL0aHq8LgPoYUn5xYy\
BdkzA9BkQZ4oUIlYLbt1
{MD5-CRYPT}$1$RHPaae8A$rSeJ55XtqLQ4bnk7AXZ190
{CRYPT}$2y$05$6/Dwr9EWLc8V.VV3z4aKNeitJnAfa3.fCgWXudyaU1qX/birOdcfy
{SSHA.HEX}8e748d2c4bb9db5ae95843ca0b6ce3f7dc7dc27f231ab3b6
{SSHA256.HEX}6b6cfbbd303dedf4c07dcc2eb919e22b6d78edff890016d0161098113efad94da0b7a27a
{SHA512.HEX}bd2b1aaf7ef4f09be9f52ce2d8d599674d81aa9d6a4421696dc4d93dd0619d682ce56b4d64a9ef097761ced9\
9e0f67265b5f76085e5b0ee7ca4696b2ad6fe2b2
{SSHA512.B64}vTUFZ8Ye3nFUfz4opzpW8X7Xm6re/hSp7V767t0+MLLp/5LZUFcr32hKjMN2FpFsAPDOqFXQZ+vXPJxZ7M8D/0FLIiM=
{SMD5}K1Xm4eyYFPf/GzfjhRAnQub60CI=
{SCRAM-SHA-256}4096,s1xNHZ1ENe1Mc/eIP0t0hw==,qTdQxfAOh/xGAeTxW13khkX6R7yj9MLGjEwWfEo72l4=,+jgWyTjG+o\
sXsRnNtx8PaTMdYOxPFJb8CKtXXYmrE1w=
"""
DOVECOT = _DOVECOT.split()
OTHERS = [
    "$2b$04$uMH9wFp2.NkCwan1VxUCpOdtT8oHXjqviXni/mDfWZvlbMiPhQQOy",
    "$2a$04$uMH9wFp2.NkCwan1VxUCpOdtT8oHXjqviXni/mDfWZvlbMiPhQQOy",
    "{ssha}uVffsYj2TvUlErAXs7e7RNteX70IrlSc",
    "{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",  # hexadecimal, unsaid
]
LIBRARY = [
    ("$y$j75$saltsalt$", "$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2"),
    ("$gy$j75$saltsalt$", "$gy$j75$saltsalt$lKLXtt/QvsyxW9ILYZt1u1hNXyI7ZoBnbdUTsPBwSi5"),
    ("ab", "{DES-CRYPT}1KP7r4LQ6KHUs"),
    ("ab", "abNANd1rDfiNc"),
]


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(crypt_library, "_NAMES", ())
    crypt_library._function.cache_clear()
    library_knows.cache_clear()
    yield
    crypt_library._function.cache_clear()
    library_knows.cache_clear()


@pytest.mark.parametrize("text", DOVECOT + OTHERS)
def test_the_password_is_known_and_no_other(text: str) -> None:
    kept = imported.kept(text)
    assert imported.kept(kept) == kept
    assert imported.matches(kept, b"secret")
    for wrong in (b"", b"Secret", b"secret ", b"secre"):
        assert not imported.matches(kept, wrong)


@pytest.mark.parametrize("text", [text for text in DOVECOT if "CRYPT" in text])
def test_crypt_without_a_library(no_library: None, text: str) -> None:
    assert imported.matches(imported.kept(text), b"secret")


@pytest.mark.parametrize(("example", "text"), LIBRARY)
def test_what_only_the_library_knows(example: str, text: str) -> None:
    if not library_knows(example):
        pytest.skip("the libcrypt of this machine does not know it")
    kept = imported.kept(text)
    assert imported.matches(kept, b"secret")
    assert not imported.matches(kept, b"Secret")


@pytest.mark.parametrize(("example", "text"), LIBRARY)
def test_without_the_library_the_words_say_so(no_library: None, example: str, text: str) -> None:
    with pytest.raises(imported.BadHash, match="libcrypt"):
        imported.kept(text)


def test_pbkdf2_as_openldap_writes_it() -> None:
    salt = b"\xfb\xff0123456789abcd"
    for name, size in (("sha1", 20), ("sha256", 32), ("sha512", 64)):
        digest = hashlib.pbkdf2_hmac(name, b"secret", salt, 1000, size)
        ab64 = [base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salt, digest)]
        kept = imported.kept(f"{{PBKDF2-{name.upper()}}}1000${ab64[0]}${ab64[1]}")
        assert imported.matches(kept, b"secret")
        assert not imported.matches(kept, b"Secret")


def test_bcrypt_takes_72_octets_and_never_raises_for_more() -> None:
    kept = imported.kept("$2b$04$RiRoJLYhv5TCGn4XRlS3Q.1QnTnhW19eO3DOAIVSDigFO8eYGte12")  # 72 times "a"
    assert imported.matches(kept, b"a" * 72)
    assert imported.matches(kept, b"a" * 200)  # as who made it saw it
    assert not imported.matches(kept, b"a" * 71)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("secret", "no kind"),
        ("", "no kind"),
        ("$2x$04$uMH9wFp2.NkCwan1VxUCpOdtT8oHXjqviXni/mDfWZvlbMiPhQQOy", "no kind"),  # made by a faulty program
        ("$2b$04$uMH9wFp2.NkCwan1VxUCpOdtT8oHXj", "cut short"),
        ("$2b$31$uMH9wFp2.NkCwan1VxUCpOdtT8oHXjqviXni/mDfWZvlbMiPhQQOy", "cost"),
        ("$6$rounds=999999999$salt$x", "rounds"),
        ("$6$salt", "cut short"),
        ("$6$salt$x", "cut short"),
        ("$1$saltsalt$le8lFSqqnPaRFOlmAZpvH", "cut short"),
        ("{SSHA}ü", "in no hash"),
        ("$y$jF5$saltsalt$short", "no kind"),
        ("{NTLM}0123", "{NTLM} is not known"),
        ("{SSHA}!!!", "base64"),
        ("{SSHA}c2hvcnQ=", "at least 20 octets"),
        ("{SHA}uVffsYj2TvUlErAXs7e7RNteX70IrlSc", "at least 20 octets"),
        ("{SSHA.ROT13}x", "encoding"),
        ("{PBKDF2}$1$salt$99999999999$00", "iterations"),
        ("{PBKDF2-SHA256}1000$x", "not as it should be"),
        ("{SCRAM-SHA-1}4096,x", "not as they should be"),
        ("{SCRAM-SHA-1}0,QQ==,QQ==,QQ==", "0 iterations"),
        ("{CRYPT}{SSHA}x", "no kind"),
    ],
)
def test_what_is_refused_has_words(text: str, words: str) -> None:
    with pytest.raises(imported.BadHash) as caught:
        imported.kept(text)
    assert words in str(caught.value)


SCHEMES = [text.partition("}")[0] + "}" for text in DOVECOT] + [
    "",
    "$6$",
    "$5$rounds=",
    "$2b$",
    "$y$j",
    "$argon2id$v=19$m=8",
]


@given(st.sampled_from(SCHEMES), st.text("$,./=09AZaz{}é\0", max_size=40) | st.text(max_size=20))
def test_whatever_is_in_the_file_is_kept_or_refused_and_never_raises_anything_else(scheme: str, rest: str) -> None:
    try:
        kept = imported.kept(scheme + rest)
    except imported.BadHash:
        return
    assert imported.kept(kept) == kept
    assert imported.memory_kibibytes(kept) >= 1
    try:
        assert not imported.matches(kept, b"nobody has this password")
    except ValueError:
        pass


def test_plain_passwords_are_told_from_hashes() -> None:
    assert imported.plain_password("{PLAIN}{SHA}x") == "{SHA}x"
    assert imported.plain_password("{cleartext}secret") == "secret"
    assert imported.plain_password("{SSHA}x") is None
    assert imported.plain_password("secret") is None  # without a scheme it is a hash


def test_the_memory_of_a_check() -> None:
    assert imported.memory_kibibytes(imported.kept(DOVECOT[8])) == 65_536
    assert imported.memory_kibibytes("$y$j9T$saltsalt$" + "x" * 43) == 16_384
    assert imported.memory_kibibytes("$y$jzz$saltsalt$" + "x" * 43) > 1 << 30
    assert imported.memory_kibibytes("$6$salt$x") == 1


def test_a_damaged_hash_on_record_is_an_error_and_no_match() -> None:
    for damaged in ("x", "{NTLM}x", "$2b$04$x", "$argon2i$x", "{SSHA}!"):
        with pytest.raises(ValueError):
            schemes.matches(damaged, b"secret")
