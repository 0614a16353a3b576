"""Speech: turns text into WAV files.

Read `engine` first (what the workflow needs), then `desk` (who is spoken next) and `choice`.
`hibari` and `shaping` are the embedded voice; `speech_api`, `remote` and `received` are speech from
a server; `voices` has the voice of each profile.
"""
