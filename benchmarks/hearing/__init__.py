"""How well and how fast the embedded Whisper hears visitors."""
