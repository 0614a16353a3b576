"""Six voices out of one speaker: what is changed for each, in which unit, and why.

The embedded speaker's median pitch is 192 Hz. The six medians lie about three semitones apart, so
that each voice is told from its neighbour by pitch alone; the vocal tract follows the pitch, but
less than in nature, because a strongly warped spectrum costs intelligibility. Breath, tilt, pace
and pauses then carry the temperament.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from shared_schema.ids import VoiceProfile

# Median pitch of the unchanged speaker, measured over a dozen sentences.
SPEAKER_PITCH_HZ: Final = 192.0


class VoiceShape(Struct, frozen=True, kw_only=True):
    """How one profile differs from the unchanged speaker.

    Attributes
    ----------
    pitch_hz : float
        Median pitch of a neutral sentence, in Hz.
    pitch_range : float
        Factor on the pitch's excursions around the median, in the logarithmic domain; below 1 is
        flatter, above 1 livelier.
    formants : float
        Factor on the resonances' frequencies; below 1 is a longer vocal tract.
    breath_db : float
        Level of breath noise below the voice at 3 kHz and above, in dB; -inf is none.
    tilt_db_per_octave : float
        Slope added to the spectrum above 500 Hz; below 0 is softer, above 0 brighter.
    speed : float
        What the model is asked for as its pace; above 1 is faster. It answers unevenly: 0.82 makes
        a sentence 12 % longer, 1.25 10 % shorter, and at 0.80 it suddenly drags by 27 %.
    pause_s : float
        Silence between two sentences, in seconds.
    """

    pitch_hz: float
    pitch_range: float
    formants: float
    breath_db: float
    tilt_db_per_octave: float
    speed: float
    pause_s: float


VOICES: Final[Mapping[VoiceProfile, VoiceShape]] = MappingProxyType(
    {
        # Low and even, dark, in no hurry: sure of being listened to.
        "confident_charming": VoiceShape(
            pitch_hz=116.0,
            pitch_range=0.95,
            formants=0.86,
            breath_db=-34.0,
            tilt_db_per_octave=0.0,
            speed=0.90,
            pause_s=0.40,
        ),
        # Nearly whispered, flat, slow: breath and long pauses instead of melody.
        "calm_soothing": VoiceShape(
            pitch_hz=138.0,
            pitch_range=0.70,
            formants=0.93,
            breath_db=-15.0,
            tilt_db_per_octave=-2.0,
            speed=0.82,
            pause_s=0.60,
        ),
        # A clear mezzo with a calm melody: the voice of someone who explains well.
        "warm_professional": VoiceShape(
            pitch_hz=164.0,
            pitch_range=0.85,
            formants=0.96,
            breath_db=-34.0,
            tilt_db_per_octave=-0.8,
            speed=0.96,
            pause_s=0.40,
        ),
        # The speaker nearly as she is: nothing is put on.
        "friendly_casual": VoiceShape(
            pitch_hz=195.0,
            pitch_range=1.05,
            formants=1.00,
            breath_db=-30.0,
            tilt_db_per_octave=0.0,
            speed=1.08,
            pause_s=0.32,
        ),
        # Bright, wide and quick; the pauses are short because the next thought is already there.
        "energetic_upbeat": VoiceShape(
            pitch_hz=230.0,
            pitch_range=1.25,
            formants=1.05,
            breath_db=-40.0,
            tilt_db_per_octave=1.0,
            speed=1.25,
            pause_s=0.22,
        ),
        # A small bright body and big leaps, but an easy pace: leaps need time to be heard.
        "playful_expressive": VoiceShape(
            pitch_hz=284.0,
            pitch_range=1.40,
            formants=1.13,
            breath_db=-28.0,
            tilt_db_per_octave=0.3,
            speed=1.00,
            pause_s=0.30,
        ),
    }
)
