"""The commands of ``python -m chat_backend``, one module each; `cli` parses their options."""
