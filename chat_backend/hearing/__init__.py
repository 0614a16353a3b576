"""What hears: the embedded Whisper, transcription servers, and the way from a recording to words.

Start with `engine`, then `service`; `routes` is ``POST /v1/stt``.
"""
