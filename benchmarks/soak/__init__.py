"""The show that never stops: visitors, blows against every process, and an exact account."""
