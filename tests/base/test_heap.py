"""Large buffers have pages of their own."""

import subprocess
import sys

import pytest

from postroom.base.heap import APART_FROM_OCTETS

_PLAY = f"""
import ctypes
from postroom.base.heap import keep_large_buffers_apart

class Usage(ctypes.Structure):  # struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in "arena free fast apart rest0 rest1 rest2 rest3 rest4 rest5".split()]

if not keep_large_buffers_apart():
    raise SystemExit(77)
usage = ctypes.CDLL(None).mallinfo2
usage.restype = Usage
[bytearray({APART_FROM_OCTETS}) for _ in range(2)]  # by itself glibc would take the next ones from the heap
before = usage().apart
kept = [bytearray({APART_FROM_OCTETS}) for _ in range(5)]
print(usage().apart - before)
"""


def test_a_buffer_like_one_that_was_freed_has_pages_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", _PLAY], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip("another C library")
    assert (done.stdout, done.stderr) == ("5\n", "")
