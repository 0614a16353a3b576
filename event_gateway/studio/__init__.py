"""The technician's page and rehearsals; live events do not pass through this package.

`routes` serves the page and its API; `status` streams the state, `recordings` finds past sessions,
some of them in `session_folders`, `rehearsal` sends one again.
"""
