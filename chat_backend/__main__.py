"""``python -m chat_backend``: the conversation's server, its supervisor, and a visitor."""

if __name__ == "__main__":
    # Here, because each wave worker imports this module once more as it starts, and needs nothing.
    import sys

    from chat_backend.cli import app

    sys.exit(app())
