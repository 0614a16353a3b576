"""Agents that are language models.

Read `table` and `seats` first (the model of each agent), then `prompts` and `answers` (the prompts,
and the validation of answers), `agent`, and `client` for the requests themselves. `opening` creates
them all.
"""
