"""The commands that both servers have: supervise and restart. To serve is `plain`."""

from pathlib import Path

import typer

from shared_schema.layout import RUN_DIR
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED, OK, exit_code_of, say
from shared_schema.runtime.process.logs import bearable_streams
from shared_schema.runtime.process.restart import NoSupervisor, RestartFailed, request_restart
from shared_schema.runtime.process.supervise import supervise as run_supervised
from shared_schema.settings import Settings, load_settings


def server_cli(package: str, service: str) -> typer.Typer:
    """Return the commands of ``python -m <package>`` that both have: `supervise` and `restart`."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        help=f"The {service} of Reflective Resonance; without a command it serves."
        f" Example: python -m {package}",
    )

    @app.callback()
    def main() -> None:
        bearable_streams()

    @app.command(
        help=f"Serve, and start again after a crash. Example: python -m {package} supervise"
    )
    def supervise() -> None:
        raise typer.Exit(
            exit_code_of(
                lambda: run_supervised(package, run_dir=_run_dir(load_settings())), name=service
            )
        )

    @app.command(
        help=f"Ask the supervisor for a fresh server. Example: python -m {package} restart"
    )
    def restart() -> None:
        def ask() -> int:
            try:
                restarted = request_restart(package, _run_dir(load_settings()))
            except NoSupervisor as error:
                say(f"{service}: {error}")
                return CONFIGURATION
            except RestartFailed as error:
                say(f"{service}: {error}")
                return FAILED
            typer.echo(f"{service} restarted: process {restarted.new_pid}")
            return OK

        raise typer.Exit(exit_code_of(ask, name=service))

    return app


def _run_dir(settings: Settings) -> Path:
    return settings.artifacts_dir.expanduser().resolve() / RUN_DIR
