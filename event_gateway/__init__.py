"""The sidecar process: decides which events are due, records them, sends them to TouchDesigner.

Read in this order: `core` (the pure machines, and their rules), `orchestrator` (bus frames in,
recorded events out), `rendering` and `outbox` (decisions become rows), `delivery` (the one socket).
`server` composes them; `app` has the routes; `studio` serves the technician's page, `commands` the
command line.
"""
