"""The commands of ``python -m event_gateway``, one module each; `cli` parses their options."""
