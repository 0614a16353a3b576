"""WAV files whose sizes are not true: 0, too large, or those of the first of several in a row.

Servers that stream do not know the size in advance. libsndfile reads most of that, but neither a
size of 0 nor a second file after the first.
"""

import struct
from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import Struct

_MAX_CHUNKS: Final = 64
# What writers put where they do not know: from here on a size is no promise.
UNKNOWN_FROM: Final = 0x7FFF_0000


class Bytes(Protocol):
    """Bytes, or a file mapped into memory."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> bytes: ...

    def find(self, wanted: bytes, start: int, /) -> int: ...


class Data(Struct, frozen=True, kw_only=True):
    """Where the samples of a WAV lie.

    Attributes
    ----------
    at : int
        The first sample, from the beginning of the file; its size stands 4 bytes before.
    size : int
        How many bytes of samples there really are.
    declared : int
        How many the file declares.
    big_endian : bool
        Whether the file's numbers are (RIFX).
    """

    at: int
    size: int
    declared: int
    big_endian: bool


class Part(Struct, frozen=True):
    """One WAV, its sizes corrected; which share of what it promised is there (None: no promise)."""

    data: bytes
    promised: float | None


def samples_in(content: Bytes, begin: int = 0) -> Data | None:
    """Return where the samples of a WAV lie that begins at `begin`; None if it is no such file."""
    if content[begin : begin + 4] not in (b"RIFF", b"RIFX"):
        return None
    if content[begin + 8 : begin + 12] != b"WAVE":
        return None
    big = content[begin : begin + 4] == b"RIFX"
    at = begin + 12
    for _ in range(_MAX_CHUNKS):
        head = content[at : at + 8]
        if len(head) < 8:
            return None
        declared = struct.unpack(">I" if big else "<I", head[4:])[0]
        left = len(content) - at - 8
        if head[:4] == b"data":
            size = left if declared == 0 or declared > left else declared
            return Data(at=at + 8, size=size, declared=declared, big_endian=big)
        at += 8 + declared + declared % 2
    return None


def is_odd(content: Bytes) -> bool:
    """Return whether libsndfile would read less than there is: a size of 0, or files in a row."""
    found = samples_in(content)
    if found is None:
        return False
    return (found.declared == 0 and found.size > 0) or _next(content, found) is not None


def parts_of(content: bytes) -> list[Part]:
    """Return the WAVs in a row with their sizes corrected; anything else as it is."""
    parts: list[Part] = []
    begin: int | None = 0
    while begin is not None:
        found = samples_in(content, begin)
        if found is None:
            break
        following = _next(content, found)
        size = min(found.size, (following or len(content)) - found.at)
        order = ">I" if found.big_endian else "<I"
        fixed = bytearray(content[begin : found.at + size])
        fixed[4:8] = struct.pack(order, len(fixed) - 8)
        fixed[found.at - begin - 4 : found.at - begin] = struct.pack(order, size)
        known = 0 < found.declared < UNKNOWN_FROM
        parts.append(Part(bytes(fixed), size / found.declared if known else None))
        begin = following
    return parts or [Part(content, None)]


def _next(content: Bytes, found: Data) -> int | None:
    """Return where another WAV begins after the samples of one: at their end, or within them."""
    return next((at for at in _starts(content, found) if samples_in(content, at) is not None), None)


def _starts(content: Bytes, found: Data) -> Iterator[int]:
    """Yield where that may be, one by one: of many WAVs in a row, each looks only for the next."""
    end = found.at + found.size
    yield from (end, end + 1)
    if not 0 < found.declared < UNKNOWN_FROM:
        at = content.find(b"RIFF", found.at)
        while at >= 0:
            yield at
            at = content.find(b"RIFF", at + 4)
