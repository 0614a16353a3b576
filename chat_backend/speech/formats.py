"""Recognises the content of a response: a sound file's format, text, or perhaps raw samples."""

from collections.abc import Mapping
from typing import Final, Literal

from chat_backend.errors import ChatBackendError
from chat_backend.providers.failure import Trouble, excerpt

Label = tuple[str, Mapping[str, str]]


ANOTHER_FORMAT: Final = (
    "Make the server send WAV, MP3, FLAC, Ogg, or raw 16-bit samples (their rate in the media type,"
    " or in RR_TTS_OPENAI_RATE)."
)
NOT_A_SERVER: Final = "Is the URL that of a speech server? Its message may say more."
ENDS_EARLY: Final = "The server, or a proxy, ends the response too early: check its log."


class NotSpeech(ChatBackendError):
    """Why what was received is not speech.

    Attributes
    ----------
    trouble : Trouble
        The error that was received, or else this one.
    """

    def __init__(
        self,
        message: str,
        *,
        trouble: Trouble | None = None,
        other_format: bool = False,
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.trouble = trouble or Trouble(
            status=200,
            words=message,
            known="sound",
            other_format=other_format,
            remedy=remedy or (ANOTHER_FORMAT if other_format else ""),
        )


_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"fLaC", "FLAC"), (0, b"OggS", "Ogg"), (0, b"caff", "CAF"), (0, b".snd", "AU"),
    (0, b"dns.", "AU"), (0, b"riff\x2e\x91\xcf\x11", "W64"), (0, b"Creative Voice File", "VOC"),
    (0, b"NIST_1A", "NIST"), (4, b"ftyp", "MP4"), (4, b"moov", "MP4"), (4, b"mdat", "MP4"),
    (4, b"styp", "MP4"), (0, b"\x1a\x45\xdf\xa3", "WebM"), (0, b"#!AMR", "AMR"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"), (0, b"FLV\x01", "FLV"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "TTA"), (0, b"MAC ", "Monkey's Audio"), (0, b"#!SILK", "SILK"),
    (0, b"\x02#!SILK", "SILK"), (0, b"\x0b\x77", "AC-3"), (0, b"MPCK", "Musepack"),
    (0, b"\x00\x00\x01\xba", "MPEG"), (0, b"ADIF", "AAC"),
)  # fmt: skip
# Neither sound nor text.
_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG", "a PNG image"), (b"\xff\xd8\xff", "a JPEG image"), (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"), (b"%PDF", "a PDF"), (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "compressed data (gzip)"), (b"\x28\xb5\x2f\xfd", "compressed data (zstd)"),
    (b"BZh", "compressed data (bzip2)"), (b"\xfd7zXZ", "compressed data (xz)"),
    (b"MThd", "MIDI"), (b"\x7fELF", "a program"), (b"\x93NUMPY", "a NumPy array"),
    (b"II*\x00", "a TIFF image"), (b"MM\x00*", "a TIFF image"), (b"\x80\x04\x95", "a pickle"),
)  # fmt: skip
# Longer texts are not shown.
_READ_BYTES: Final = 65_536
# The share of a container's declared size that must have arrived.
WHOLE: Final = 0.97
# The field with a container's size: offset, bytes, byte order, and bytes not counted in it.
_SIZES: Final[Mapping[tuple[str, bytes], tuple[int, int, Literal["little", "big"], int]]] = {
    ("AIFF", b"FORM"): (4, 4, "big", 8),
    ("W64", b"riff"): (16, 8, "little", 0),
    ("WAV", b"RF64"): (20, 8, "little", 8),
    ("AU", b".snd"): (8, 4, "big", 24),
}
SNDFILE: Final = frozenset({"WAV", "AIFF", "FLAC", "Ogg", "CAF", "AU", "W64", "VOC", "NIST", "MP3"})


def container_of(data: bytes) -> str | None:
    """Return the format of a sound file, by its bytes; None for raw samples or text.

    Raises
    ------
    NotSpeech
        If it is another kind of file.
    """
    if data[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and data[8:12] == b"WAVE":
        return "WAV"
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    for at, magic, name in _MAGIC:
        if data.startswith(magic, at):
            return name
    if data.startswith(b"ID3") or _mpeg_frames(data):
        return "AAC" if _is_adts(data[_after_id3(data) :]) else "MP3"
    if len(data) > 3 * 188 and all(data[at] == 0x47 for at in (0, 188, 376)):
        return "MPEG-TS"
    for magic, name in _FOREIGN:
        # Raw samples may begin with the same two bytes, and are checked as such.
        if len(magic) > 2 and data.startswith(magic):
            raise NotSpeech(f"{name} instead of sound", remedy=NOT_A_SERVER)
    return None


def _after_id3(data: bytes) -> int:
    if not data.startswith(b"ID3") or len(data) < 10:
        return 0
    a, b, c, d = (each & 0x7F for each in data[6:10])
    return 10 + (a << 21 | b << 14 | c << 7 | d)


def _is_adts(data: bytes) -> bool:
    return len(data) > 6 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


def _mpeg_frames(data: bytes) -> bool:
    """Return whether MPEG frames follow each other; a raw sample may look like the first."""
    at = 0
    for _ in range(3):
        length = _frame_bytes(data[at : at + 7])
        if not length:
            return False
        at += length
        if at >= len(data):
            return True
    return True


def is_cut(data: bytes, container: str, *, framed: bool) -> bool:
    """Return whether the end of a sound file is missing.

    A WAV is checked by its reader: streaming servers declare any size in it. `framed` is
    whether the transport marks the end of the response.
    """
    if container in ("AAC", "MP3"):
        at = _after_id3(data)
        while length := _frame_bytes(data[at : at + 7]):
            at += length
        return at > len(data)
    if container == "Ogg":
        at = data.rfind(b"OggS")
        lacing = data[at + 27 : at + 27 + (data[at + 26] if len(data) > at + 26 else 255)]
        ended = bool(data[at + 5] & 4) if len(data) > at + 5 else False
        return at + 27 + len(lacing) + sum(lacing) > len(data) or not (ended or framed)
    return len(data) < WHOLE * _declared_bytes(data, container)


def _declared_bytes(data: bytes, container: str) -> int:
    """Return a file's length according to its header; 0 if it has none."""
    if container == "CAF":
        at = 8
        while len(head := data[at : at + 12]) == 12:
            at += 12 + max(0, int.from_bytes(head[4:], "big", signed=True))
            if head[:4] == b"data":
                return at
    if (container, data[:4]) not in _SIZES:
        return 0
    at, size, order, more = _SIZES[container, data[:4]]
    declared = int.from_bytes(data[at : at + size], order)
    return declared + more if declared < 1 << (8 * size - 1) else 0


_BITRATES: Final[Mapping[tuple[bool, int], tuple[int, ...]]] = {
    (True, 1): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 1): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _frame_bytes(head: bytes) -> int:
    """Return the length of a frame of MPEG audio (layers 2 and 3) or ADTS; 0 for anything else."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    if _is_adts(head):
        return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if version == 1 or layer not in (1, 2) or head[2] >> 4 == 15 or head[2] >> 2 & 3 == 3:
        return 0
    first = version == 3
    rate = (44_100, 48_000, 32_000)[head[2] >> 2 & 3] // (1 if first else 2 if version == 2 else 4)
    kilobits = _BITRATES[first, layer][head[2] >> 4]
    samples = 576 if layer == 1 and not first else 1152
    return samples // 8 * kilobits * 1000 // rate + (head[2] >> 1 & 1)


def label_of(media_type: str) -> Label:
    """Return a media type's name and parameters, in lower case."""
    name, *parameters = media_type.lower().split(";")
    pairs = (each.partition("=") for each in parameters)
    return name.strip(), {key.strip(): value.strip(' "') for key, _, value in pairs}


def text_of(data: bytes) -> str:
    """Return a text in any usual encoding; empty if it is not a text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[:64].count(b"\x00") * 2 == len(data[:64]):
        encoding = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    head = data[:1024].decode(encoding, "replace").rstrip("\ufffd")
    return data[:_READ_BYTES].decode(encoding, "ignore") if _is_text(head) else ""


def _is_text(text: str) -> bool:
    return bool(text.strip()) and all(c.isprintable() or c in "\r\n\t\f\x0b" for c in text)


def named(media_type: str) -> str:
    return excerpt(media_type.partition(";")[0].strip()) or "something without a media type"
