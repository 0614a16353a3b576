"""How true, how fast and how small the waves are, beside what others use."""
