"""What is known of octets, and a message as it is put together."""

import pytest

from postroom.message.parts import PartMap
from postroom.message.recoding_plan import Encoded, Kept, Measure, Plan, Wanted
from postroom.message.scanner import Scanner
from postroom.message.settings import MessageSettings


def measured(*pieces: bytes) -> Measure:
    measure = Measure()
    for piece in pieces:
        measure.feed(piece)
    return measure.finish()


@pytest.mark.parametrize(
    ("pieces", "nul", "lined", "seven_bit", "eight_bit"),
    [
        ((b"a\r\nb\r\n",), False, True, True, True),
        ((b"a\r", b"\nb"), False, True, True, True),
        ((b"a\r", b"b"), False, False, False, False),
        ((b"a\r",), False, False, False, False),
        ((b"a\nb",), False, False, False, False),
        ((b"a\0b",), True, False, False, False),
        ((b"\xc3\xa4",), False, True, False, True),
        ((b"x" * 999,), False, True, False, False),
    ],
)
def test_what_octets_need(pieces: tuple[bytes, ...], nul: bool, lined: bool, seven_bit: bool, eight_bit: bool) -> None:
    measure = measured(*pieces)
    assert (measure.nul, measure.lined) == (nul, lined)
    assert (measure.fits(eight_bit=False), measure.fits(eight_bit=True)) == (seven_bit, eight_bit)
    assert measure.octets == sum(map(len, pieces))


def test_segments_in_order_and_their_size() -> None:
    message = b"Subject: a\r\n\r\nbody of it"
    scanner = Scanner(MessageSettings())
    scanner.feed(message)
    node = PartMap.unpack(scanner.finish().parts).root
    plan = Plan()
    plan.keep(9)
    plan.replace(9, node.body_start, b"bc\r\n\r\n")
    encoding = plan.encode(node, "quoted-printable", 10)
    assert next(encoding) == Wanted(node.body_start, node.body_end)
    with pytest.raises(StopIteration):
        encoding.send(b"body of it")
    plan.keep(len(message))
    assert plan.recoding.segments == (Kept(0, 9), b"bc\r\n\r\n", Encoded(14, 24, "quoted-printable"))
    assert plan.recoding.size == 9 + 6 + len(b"body of it")
