"""What can go wrong with a sound that is to become waves."""


class WavesError(Exception):
    """Base of this package's errors; its text is meant for people."""


class UnreadableSound(WavesError):
    """The file is missing, is not a sound file, or its data is damaged."""


class UnsuitableSound(WavesError):
    """The sound can be read but not used: empty, too long, not finite, or of an unusual rate."""


class TooLong(UnsuitableSound):
    """The sound lasts longer than it may."""
