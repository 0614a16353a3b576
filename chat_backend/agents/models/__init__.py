"""Agents that are language models.

Read `table` and `seats` first (which model answers for which agent), then `prompts` and `answers`
(what is asked, and what is a valid answer), `agent`, and `client` for the requests themselves.
`opening` opens them all.
"""
