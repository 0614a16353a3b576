"""Windows only: ending with the shell that started the supervisor.

honcho runs each Procfile line through the shell. On POSIX it signals the whole process group; on
Windows it terminates ``cmd.exe`` and nothing else, so the supervisor has to notice that by itself.
"""

import sys
import threading
from collections.abc import Callable
from typing import Final

SHELL: Final = "cmd.exe"
# supervisor <- (venv launcher) <- (uv) <- cmd.exe, with one to spare.
GENERATIONS_MAX: Final = 4

if sys.platform == "win32":
    import ctypes
    import os
    from ctypes import wintypes

    _SNAPSHOT_PROCESSES: Final = 0x2
    _SYNCHRONIZE: Final = 0x00100000
    _INFINITE: Final = 0xFFFFFFFF

    class _Entry(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("usage", wintypes.DWORD),
            ("pid", wintypes.DWORD),
            ("heap", ctypes.c_void_p),
            ("module", wintypes.DWORD),
            ("threads", wintypes.DWORD),
            ("parent", wintypes.DWORD),
            ("priority", wintypes.LONG),
            ("flags", wintypes.DWORD),
            ("name", wintypes.WCHAR * 260),
        )

    def _processes() -> dict[int, tuple[int, str]]:
        """Return the parent and the program of every process id."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
        kernel.CreateToolhelp32Snapshot.argtypes = (wintypes.DWORD, wintypes.DWORD)
        for step in (kernel.Process32FirstW, kernel.Process32NextW):
            step.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Entry))
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        snapshot = kernel.CreateToolhelp32Snapshot(_SNAPSHOT_PROCESSES, 0)
        entry = _Entry(size=ctypes.sizeof(_Entry))
        found: dict[int, tuple[int, str]] = {}
        more = kernel.Process32FirstW(snapshot, ctypes.byref(entry))
        while more:
            found[int(entry.pid)] = (int(entry.parent), str(entry.name).lower())
            more = kernel.Process32NextW(snapshot, ctypes.byref(entry))
        kernel.CloseHandle(snapshot)
        return found

    def _wait(pid: int) -> bool:
        """Wait for the end of a process; False if it may not be watched."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
        kernel.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
        handle = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
        if not handle:
            return False
        return bool(kernel.WaitForSingleObject(handle, _INFINITE) == 0)

    def watch_shell(on_gone: Callable[[], None]) -> None:
        """Call `on_gone`, in a thread of its own, when the shell above this process has ended."""
        shell = nearest_shell(os.getpid(), _processes())
        if shell is None:
            return

        def watch() -> None:
            if _wait(shell):
                on_gone()

        threading.Thread(target=watch, name="shell-watch", daemon=True).start()

else:

    def watch_shell(on_gone: Callable[[], None]) -> None:
        """Do nothing: signals reach the whole process group here."""


def nearest_shell(pid: int, processes: dict[int, tuple[int, str]]) -> int | None:
    """Return the process id of the nearest ``cmd.exe`` above `pid`.

    Parameters
    ----------
    processes
        Parent's process id and program name, in lower case, by process id.
    """
    for _ in range(GENERATIONS_MAX):
        parent, _ = processes.get(pid, (0, ""))
        if parent not in processes:
            return None
        if processes[parent][1] == SHELL:
            return parent
        pid = parent
    return None
