"""The commands of both servers: supervise, restart, stop, status. Serving itself is `plain`."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import typer

from shared_schema.environment import undo_honcho
from shared_schema.layout import RUN_DIR, Artifacts
from shared_schema.runtime.log.files import LogFiles
from shared_schema.runtime.log.logs import buffer_stderr, use_utf8_streams
from shared_schema.runtime.log.output import echo
from shared_schema.runtime.process.control import (
    NoSupervisor,
    RequestFailed,
    RunFile,
    request_restart,
    request_stop,
    running,
)
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED, OK, exit_code_of, print_line
from shared_schema.runtime.process.interrupts import raise_on_ctrl_c
from shared_schema.runtime.process.supervise import supervise as run_supervised
from shared_schema.settings import load_settings


def server_cli(package: str, service: str) -> typer.Typer:
    """Return the commands of ``python -m <package>`` that are the same for both servers."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        help=f"The {service} of Reflective Resonance; without a command it serves."
        f" Example: python -m {package}",
    )

    def command(text: str) -> Callable[[Callable[[Path], int]], None]:
        """Make a command of a function: it is called with the folder of the run files."""

        def add(run: Callable[[Path], int]) -> None:
            def answer() -> int:
                root = Artifacts(load_settings().artifacts_dir).root
                try:
                    return run(root / RUN_DIR)
                except RequestFailed as error:
                    print_line(f"{service}: {error}")
                    return CONFIGURATION if isinstance(error, NoSupervisor) else FAILED

            name = run.__name__

            @app.command(name, help=f"{text} Example: python -m {package} {name}")
            def exit_with_code() -> None:
                raise typer.Exit(exit_code_of(answer, name=service))

        return add

    @app.callback()
    def main(context: typer.Context) -> None:
        raise_on_ctrl_c()
        use_utf8_streams()
        if context.invoked_subcommand == "supervise":
            buffer_stderr()  # the other commands wait for whoever reads them
        undo_honcho()

    @command("Serve, and restart after a crash.")
    def supervise(run_dir: Path) -> int:
        settings = load_settings()
        Artifacts(settings.artifacts_dir).require_own_folders()
        files = LogFiles.of(settings)
        name = f"{service}-supervisor"

        def tell(path: str, reason: str) -> None:
            print_line(f"{name}: log file not written: {path}: {reason}")

        # Its lines are few: if the disk is slow enough to lose one, that is all.
        log = files.open(name, lambda _: None, tell) if files else None
        return run_supervised(package, run_dir=run_dir, log=log)

    @command("Restart the server.")
    def restart(run_dir: Path) -> int:
        restarted = request_restart(package, run_dir)
        echo(f"{service} restarted: process {restarted.new_pid}")
        return OK

    @command(
        "Stop the supervisor and its server, even if their terminal is closed; under honcho"
        " this stops both servers."
    )
    def stop(run_dir: Path) -> int:
        try:
            echo(f"{service} stopped: {_processes(request_stop(package, run_dir))}")
        except NoSupervisor as absent:
            echo(f"{service}: nothing to stop: {absent.reason}")
        return OK

    @command("Show whether the server and its supervisor run; exit code 0 if the server listens.")
    def status(run_dir: Path) -> int:
        run = running(package, run_dir)
        echo(f"{service}: {_processes(run)}")
        return OK if run.listening else FAILED

    return app


def _processes(run: RunFile) -> str:
    """Return ``supervisor 12, server 13 (up 4 min), start 2`` and the like."""
    server = "no server at the moment"
    if run.server_pid is not None:
        silent = "" if run.listening else ", not listening yet"
        server = f"server {run.server_pid}{_age(run.server_pid)}{silent}"
    refused = f"; it refuses to start: {run.refusal}" if run.refusal else ""
    ending = ", ending" if run.ending else ""
    return f"supervisor {run.supervisor_pid}, {server}, start {run.starts}{ending}{refused}"


def _age(pid: int) -> str:
    try:
        minutes = (time.time() - psutil.Process(pid).create_time()) / 60
    except psutil.Error:
        return ""
    return f" (up {minutes:.0f} min)" if minutes < 120 else f" (up {minutes / 60:.0f} h)"
