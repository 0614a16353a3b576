"""The show folder: read, changed, refused, written."""
