"""The technician's side: nothing here is on an event's way to TouchDesigner.

`routes` serves the page and its API; `status` streams the state, `recordings` finds past sessions,
`rehearsal` sends one again.
"""
