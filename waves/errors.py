"""The errors of this package."""


class WavesError(Exception):
    """Base of this package's errors; the message is for people."""


class UnreadableSound(WavesError):
    """The file is missing, is not a sound file, or its data is damaged."""


class UnsuitableSound(WavesError):
    """The sound can be read but not used: empty, too long, not finite, or of an unusual rate."""


class TooLong(UnsuitableSound):
    """The sound exceeds the maximum duration."""
