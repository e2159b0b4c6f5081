"""Canonical forms: the RFC's examples, a plain reading of its rules beside ours, any splitting, hostile white space."""

import base64
import hashlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.mailauth.dkim.canonical import BodyHasher, Canonicalization, canonical_field

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED


def plainly(body: bytes, canonicalization: Canonicalization) -> bytes:
    """RFC 6376 §3.4.3, §3.4.4, word by word."""
    if canonicalization is RELAXED:
        lines = [re.sub(rb"[ \t]+", b" ", line) for line in body.split(b"\r\n")]
        body = b"\r\n".join(line.removesuffix(b" ") for line in lines)
    while body.endswith(b"\r\n"):
        body = body.removesuffix(b"\r\n")
    return body + b"\r\n" if body or canonicalization is SIMPLE else body


def hashed(canonical: bytes) -> bytes:
    return hashlib.sha256(canonical).digest()


def hash_of(body: bytes, canonicalization: Canonicalization) -> bytes | None:
    hasher = BodyHasher(canonicalization)
    hasher.update(body)
    return hasher.digest()


def test_the_fields_of_the_rfc() -> None:
    """RFC 6376 §3.4.5, examples 1 and 2."""
    first, second = b"A: X", b"B : Y\t\r\n\tZ  "
    assert canonical_field(first, RELAXED) == b"a:X"
    assert canonical_field(second, RELAXED) == b"b:Y Z"
    assert canonical_field(first, SIMPLE) == first
    assert canonical_field(second, SIMPLE) == second


def test_the_bodies_of_the_rfc() -> None:
    """RFC 6376 §3.4.5, examples 1 and 2."""
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert hash_of(body, RELAXED) == hashed(b" C\r\nD E\r\n")
    assert hash_of(body, SIMPLE) == hashed(b" C \r\nD \t E\r\n")


def test_the_hashes_of_an_empty_body() -> None:
    """RFC 6376 §3.4.3, §3.4.4."""
    assert hash_of(b"", SIMPLE) == base64.b64decode(b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=")
    assert hash_of(b"", RELAXED) == base64.b64decode(b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")


@pytest.mark.parametrize(
    ("field", "relaxed"),
    [
        (b"SUBJect: AbC", b"subject:AbC"),
        (b"Subject:", b"subject:"),
        (b"Subject: \r\n ", b"subject:"),
        (b"Subject:a\r\n\tb\r\n   \r\n c", b"subject:a b c"),
        (b"Subject \t:\t a\t\tb ", b"subject:a b"),
        (b"S: a\n b", b"s:a b"),
        (b"S: a\rb\x00\xff \x0b", b"s:a\rb\x00\xff \x0b"),
        (b"S: a:b: c", b"s:a:b: c"),
    ],
)
def test_relaxed_fields(field: bytes, relaxed: bytes) -> None:
    assert canonical_field(field, RELAXED) == relaxed


BODIES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"\t", b"a", b"\r\n\r\n", b" \r\n", b"\xff"])).map(
    b"".join
)


@given(body=BODIES, cuts=st.lists(st.integers(0, 40)), canonicalization=st.sampled_from(Canonicalization))
def test_any_splitting_hashes_the_same(body: bytes, cuts: list[int], canonicalization: Canonicalization) -> None:
    canonical = plainly(body, canonicalization)
    lengths = [*range(len(canonical) + 3), None]
    hasher = BodyHasher(canonicalization, lengths)
    places = sorted(min(cut, len(body)) for cut in cuts)
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        hasher.update(body[start:end])
    hasher.end()
    assert hasher.length == len(canonical)
    for length in lengths:
        too_long = length is not None and length > len(canonical)
        assert hasher.digest(length) == (None if too_long else hashed(canonical[:length]))


def test_a_length_that_was_not_announced_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="l=3"):
        BodyHasher(SIMPLE, [2]).digest(3)


@pytest.mark.parametrize("canonicalization", Canonicalization)
@pytest.mark.parametrize(
    "body",
    [
        b" " * 1_000_000,
        b" \t" * 500_000 + b"x",
        b"\r\n" * 500_000,
        b"\r\n" * 500_000 + b"x",
        b"\r" * 1_000_000,
        b"\n\r" * 500_000,
        (b"\r\n" * 5000 + b"x") * 100,
        (b" " * 63 + b"x") * 15_625,
        b"a  " * 333_333,
        b" \r\n" * 333_333,
        b" \r" * 500_000,
    ],
    ids=lambda body: repr(body[:6]),
)
def test_hostile_white_space_is_cheap(body: bytes, canonicalization: Canonicalization) -> None:
    started = time.process_time()
    digest = hash_of(body, canonicalization)
    spent = time.process_time() - started
    assert digest == hashed(plainly_fast(body, canonicalization))
    assert spent < 1  # 1 MB; some 10 ms


def plainly_fast(body: bytes, canonicalization: Canonicalization) -> bytes:
    if canonicalization is RELAXED:
        body = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).removesuffix(b" ") for line in body.split(b"\r\n"))
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end or canonicalization is SIMPLE else b""


def test_a_million_empty_lines_are_held_back_as_a_number() -> None:
    hasher = BodyHasher(SIMPLE)
    for _ in range(100):
        hasher.update(b"\r\n" * 10_000)
    assert hasher.length == 0
    hasher.update(b"end")
    assert hasher.length == 2_000_003
    assert hasher.digest() == hashed(b"\r\n" * 1_000_000 + b"end\r\n")
