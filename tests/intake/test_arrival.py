"""A stranger's header: as it came for who verifies it, without forged results for who reads it."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.intake.arrival import MAX_RESULTS, Arrival, without_forged
from postroom.intake.completion import HeaderTooLarge


class Seen:
    def __init__(self) -> None:
        self.headers: list[bytes] = []
        self.octets = b""

    def header(self, header: bytes) -> None:
        assert self.octets == b""
        self.headers.append(header)

    def body(self, piece: bytes) -> None:
        assert self.headers
        self.octets += piece


def forged(value: bytes) -> bool:
    return b"foo.com" in value


FORGED = b"Authentication-Results: foo.com;\r\n dkim=pass\r\n"
OTHER = b"Authentication-Results: bar.com; dkim=pass\r\n"
REST = b"From: a@bar.com\r\nAuthentication-Results-Of: foo.com\r\n"
MESSAGES = [
    (FORGED + REST + b"\r\n" + FORGED, REST + b"\r\n" + FORGED, FORGED),
    (REST + FORGED + OTHER + FORGED + b"\r\nbody", REST + OTHER + b"\r\nbody", b"body"),
    (REST + b"\r\nbody", REST + b"\r\nbody", b"body"),
    (b"AUTHENTICATION-results \t: foo.com; x=y\r\n" + REST + b"\r\n", REST + b"\r\n", b""),
    (FORGED, b"", b""),
    (REST + FORGED, REST, b""),
    (b"\r\n" + FORGED, b"\r\n" + FORGED, FORGED),
    (b"no header\r\n" + FORGED, b"\r\nno header\r\n" + FORGED, b"no header\r\n" + FORGED),
    (b"", b"", b""),
]


@settings(deadline=None)
@given(st.sampled_from(MESSAGES), st.lists(st.integers(1, 30), max_size=30))
def test_any_splitting_gives_the_same(message: tuple[bytes, bytes, bytes], sizes: list[int]) -> None:
    data, expected, body = message
    seen = Seen()
    arrival = Arrival(forged, 1000, seen)
    out, rest = b"", data
    for size in sizes:
        out += arrival.feed(rest[:size])
        rest = rest[size:]
    out += arrival.feed(rest)
    assert out + arrival.finish() == expected
    assert seen.octets == body
    assert len(seen.headers) == 1
    if not data.startswith((b"\r\n", b"no header")):
        assert seen.headers[0] + seen.octets == data


def test_without_a_witness_forged_results_go_all_the_same() -> None:
    arrival = Arrival(forged, 1000)
    assert (
        arrival.feed(FORGED + REST + b"\r\nbody") + arrival.feed(b" more") + arrival.finish() == REST + b"\r\nbody more"
    )


def test_a_header_has_a_limit() -> None:
    arrival = Arrival(forged, 1000, Seen())
    with pytest.raises(HeaderTooLarge):
        arrival.feed(b"A: " + b"x" * 1000)


def test_a_header_has_only_so_many_lines() -> None:
    """A quarter of a megabyte of fields without a value took a tenth of a second to check."""
    with pytest.raises(HeaderTooLarge):
        Arrival(forged, 262_144, Seen()).feed(b"a:\r\n" * 20_000 + b"\r\n")


def test_a_header_without_forged_results_is_not_touched() -> None:
    header = REST + OTHER + b"\r\n"
    assert without_forged(header, forged) is header
    assert without_forged(REST, forged) is REST


def test_of_very_many_results_the_last_go_unread() -> None:
    asked = []

    def ask(value: bytes) -> bool:
        asked.append(value)
        return False

    assert without_forged(OTHER * 10_000 + b"\r\n", ask) == OTHER * MAX_RESULTS + b"\r\n"
    assert len(asked) == MAX_RESULTS


def test_a_header_full_of_results_is_read_in_little_time() -> None:
    header = b"Authentication-Results:\r\n" * 10_000 + b"Authentication-Results:" + b" \r\n" * 60_000 + b"\r\n"
    start = time.process_time()
    without_forged(header, forged)
    assert time.process_time() - start < 2
