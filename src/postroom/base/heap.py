"""How the C library hands out large buffers.

Owns: the size from which a buffer has pages of its own. Never: allocates anything. Raises: nothing.

A TLS connection of the event loop has a buffer of 256 KiB for as long as it lives, of which an idle one has touched a
page. glibc begins by giving such a buffer its own pages, but once the first is freed it takes all later ones from the
heap, where they lie on memory that was used before: that stays resident.
"""

import ctypes

APART_FROM_OCTETS = 256 * 1024
_KEPT_OCTETS = 16 << 20  # at the end of the heap
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def keep_large_buffers_apart() -> bool:
    """For the whole process, from now on. False: another C library, which is left as it is."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    # Setting one ends all adapting. What a large FETCH gives back is kept for the next: having it anew costs a tenth.
    return bool(mallopt(_M_MMAP_THRESHOLD, APART_FROM_OCTETS) and mallopt(_M_TRIM_THRESHOLD, _KEPT_OCTETS))
