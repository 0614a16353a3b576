"""Servers of others that we call.

Read `failure` first (how a call can fail), then `circuit` and `calls` (how calls are bounded and
repeated), `usage` (how they are counted) and `keys`.
"""
