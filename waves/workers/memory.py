"""Memory that an array gave back, kept for the next one.

glibc returns what was larger than 128 kB to the kernel at once, and the kernel hands it out again
page by page, each filled with zeros: for arrays of a few seconds of sound that takes as long as a
sixth of the arithmetic.
"""

import ctypes
import sys
from typing import Final

# From glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 24 * 1024 * 1024


def keep_freed_memory() -> None:
    """Let this process keep some megabytes; does nothing where the C library is another one."""
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return  # musl has no such thing
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
