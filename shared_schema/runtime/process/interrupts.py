"""What Ctrl-C does to a process that has no handlers of its own yet.

A server takes half a second to import what it needs. A Ctrl-C meanwhile should end it, but without
the traceback that Python prints by default.
"""

import signal


def end_silently_on_ctrl_c() -> None:
    """Let the system end this process on Ctrl-C; one that ignores it goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_on_ctrl_c() -> None:
    """Undo `end_silently_on_ctrl_c`: raise `KeyboardInterrupt`."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
