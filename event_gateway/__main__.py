"""``python -m event_gateway``: the sidecar, its supervisor, and a stand-in for TouchDesigner."""

if __name__ == "__main__":
    import sys

    from shared_schema.runtime.process.interrupts import end_silently_on_ctrl_c

    end_silently_on_ctrl_c()
    if len(sys.argv) == 1:
        from shared_schema.runtime.process.plain import serve_as

        sys.exit(serve_as("gateway", "event_gateway.server"))
    from event_gateway.cli import app

    sys.exit(app())
