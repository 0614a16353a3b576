"""Keeps memory that an array gave back for the next array.

glibc returns blocks larger than 128 kB to the kernel at once, and the kernel hands them out again
page by page, each filled with zeros. For arrays of a few seconds of sound, this takes a tenth of
the time of a decomposition, and the bar "waves at most 3 times the floor" (`docs/benchmarks.md`)
is missed without it.
"""

import ctypes
import sys
from typing import Final

# From glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 24 * 1024 * 1024


def keep_freed_memory() -> None:
    """Let this process keep up to 24 MB; no effect where the C library is not glibc."""
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return  # musl
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
