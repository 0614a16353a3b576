"""The voices: text becomes a WAV file."""
