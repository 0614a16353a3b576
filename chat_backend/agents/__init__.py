"""The agents: who answers in a slot."""
