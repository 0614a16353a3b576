"""``python -m chat_backend``: the conversation's server, its supervisor, and a visitor."""

if __name__ == "__main__":
    # Each wave worker imports this module once more as it starts, and needs nothing of it.
    import sys

    from shared_schema.runtime.process.interrupts import end_silently_on_ctrl_c

    end_silently_on_ctrl_c()
    if len(sys.argv) == 1:
        from shared_schema.runtime.process.plain import serve_as

        sys.exit(serve_as("chat", "chat_backend.server"))
    from chat_backend.cli import app

    sys.exit(app())
