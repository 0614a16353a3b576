"""The language that the chat backend, the wave workers and the event gateway have in common.

Nothing here imports another package of this project. Importing a module of this package opens no
socket, reads no environment and starts no process.
"""

SERVER_NAME = "reflective-resonance"
VERSION = "0.2.0"
# The remedy where no server runs.
START_THEM = 'start the servers, as README.md says under "I run it"'
