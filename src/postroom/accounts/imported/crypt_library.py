"""The machine's own crypt(3), where there is one: for yescrypt, and for speed.

Owns: finding and calling it. Never: makes salts. Raises: ValueError when it can't compute what is asked.

It knows schemes that are too large to be written anew here (yescrypt, gost-yescrypt, traditional DES) and lets other
threads run meanwhile.
"""

import ctypes
import functools
from typing import Any

_NAMES = ("libcrypt.so.1", "libcrypt.so.2")
_DATA_OCTETS = 32_768  # sizeof (struct crypt_data); the library refuses less


@functools.cache
def _function() -> Any | None:
    """crypt_rn(3), or None."""
    for name in _NAMES:
        try:
            function = ctypes.CDLL(name).crypt_rn
        except (OSError, AttributeError):
            continue
        function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
        function.restype = ctypes.c_char_p
        return function
    return None


def library_crypt(password: bytes, setting: str) -> str:
    """The hash of `password` with the scheme and salt of `setting`, which may be a whole hash."""
    function = _function()
    if function is None:
        raise ValueError("this machine has no libcrypt that knows it")
    data = ctypes.create_string_buffer(_DATA_OCTETS)
    made = function(password, setting.encode("ascii"), data, _DATA_OCTETS)
    if made is None:
        raise ValueError("the libcrypt of this machine does not know it")
    return bytes(made).decode("ascii")


@functools.lru_cache(maxsize=16)
def library_knows(setting: str) -> bool:
    """It computes hashes of this kind; `setting` is a cheap example."""
    try:
        return library_crypt(b"x", setting).startswith(setting.rpartition("$")[0] or setting[:2])
    except ValueError:
        return False
