"""``python -m event_gateway``: the sidecar, its supervisor, and a stand-in for TouchDesigner."""

import sys

if __name__ == "__main__":
    if len(sys.argv) == 1:
        from event_gateway.serve import serve
        from shared_schema.runtime.plain import serve_as

        sys.exit(serve_as("gateway", serve))
    from event_gateway.cli import app

    sys.exit(app())
