"""Calls to external providers.

Read `failure` first (how a call can fail), then `circuit` and `calls` (how calls are limited and
retried), `usage` (how they are counted) and `keys`.
"""
