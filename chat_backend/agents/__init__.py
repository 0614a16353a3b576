"""The minds: who answers in a slot."""
