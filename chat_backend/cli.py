"""The commands of ``python -m chat_backend``."""

from pathlib import Path
from typing import Annotated

import typer

from chat_backend.commands.sessions import app as sessions
from chat_backend.commands.show import app as show
from shared_schema.runtime.log.logs import configure_logging
from shared_schema.runtime.log.output import echo
from shared_schema.runtime.process.cli import server_cli
from shared_schema.runtime.process.exits import exit_code_of
from shared_schema.settings import load_settings

app = server_cli("chat_backend", "chat")
app.add_typer(sessions, name="sessions")
app.add_typer(show, name="show")


@app.command()
def say(
    message: Annotated[str, typer.Argument(help="The visitor's message.")],
    wait: Annotated[bool, typer.Option(help="First wait until TouchDesigner is there.")] = True,
    stay: Annotated[bool, typer.Option(help="Stay after the session, until ended.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0, max=86_400, help="Seconds to wait for the servers.")
    ] = 60.0,
    visit: Annotated[
        str, typer.Option(help="The voices remember earlier messages of the same visit.")
    ] = "",
) -> None:
    """Send a message to the six voices, and show their three turns as they come.

    Example: python -m chat_backend say "What does the sea dream of?"
    """

    from chat_backend.commands.say import run_visit  # noqa: PLC0415  # not for the server

    def run() -> int:
        return run_visit(load_settings(), message, visit, wait=wait, stay=stay, timeout_s=timeout)

    raise typer.Exit(exit_code_of(run, name="say"))


@app.command()
def report(
    to: Annotated[Path | None, typer.Option(help="The zip to write; default: here.")] = None,
) -> None:
    """Write one zip for remote help: versions, settings, logs, metrics, states of sessions.

    It has no words of visitors, no keys and no tokens. Example: python -m chat_backend report
    """
    from chat_backend.commands.report import report as write  # noqa: PLC0415  # not for the server

    raise typer.Exit(exit_code_of(lambda: write(load_settings(), to, echo), name="report"))


@app.command()
def check() -> None:
    """Ask every configured provider once and show who answers; exit code 0 if all do.

    Example: python -m chat_backend check
    """
    from chat_backend.commands.check import check as try_all  # noqa: PLC0415  # not for the server

    def run() -> int:
        settings = load_settings()
        configure_logging(level="error", form=settings.log_format, service="check")
        return try_all(settings)

    raise typer.Exit(exit_code_of(run, name="check"))


@app.command()
def linecheck() -> None:
    """Make a recording to check the loudspeakers with: each place by turns, through its range.

    Calls no provider and needs no running server. Example: python -m chat_backend linecheck
    """
    from chat_backend.commands.linecheck import linecheck as make  # noqa: PLC0415  # only here

    raise typer.Exit(exit_code_of(lambda: make(load_settings(), echo), name="linecheck"))
