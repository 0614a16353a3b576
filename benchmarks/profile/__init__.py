"""Where the processor's time of a whole session goes, function by function."""
