"""What an artist sets in a folder of TOML files: the show.

Read `show` first (the value, and how it is read), then `current` (how a change is taken over);
`words` and `water` are two of its files, `folder` writes a new one.
"""
