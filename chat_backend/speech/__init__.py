"""The voices: text becomes a WAV file.

Read `engine` first (what the workflow needs), then `choice`. `hibari` and `shaping` are the
embedded voice; `speech_api`, `remote` and `received` are speech from a server; `voices` says which
voice speaks a profile.
"""
