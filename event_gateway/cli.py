"""The commands of ``python -m event_gateway``."""

from typing import Annotated

import typer

from shared_schema.environment import DOTENV, add_to_dotenv
from shared_schema.layout import Artifacts
from shared_schema.runtime.log.output import echo, echo_document
from shared_schema.runtime.process.cli import server_cli
from shared_schema.runtime.process.exits import exit_code_of
from shared_schema.runtime.web.clients import gateway_token
from shared_schema.runtime.web.hosts import gateway_url
from shared_schema.settings import Settings, load_settings

app = server_cli("event_gateway", "gateway")


@app.command()
def listen(
    url: Annotated[str, typer.Option(help="The socket; default: the gateway's settings.")] = "",
    sessions: Annotated[
        int, typer.Option(min=0, help="Stop after this many sessions; 0: never.")
    ] = 0,
    timeout: Annotated[
        float, typer.Option(min=0, max=86_400, help="Seconds to wait for the next event.")
    ] = 120.0,
    report: Annotated[bool, typer.Option(help="Report what would play, by its length.")] = True,
) -> None:
    """Stand in for TouchDesigner: print each event, check each file.

    Exits with 0 if every event of the sessions arrived and every file is intact.
    Example: python -m event_gateway listen --sessions 1
    """

    # Only this command needs NumPy; the gateway starts without it.
    from event_gateway.commands.listen import listen as receive  # noqa: PLC0415

    def run() -> int:
        settings = load_settings()
        where = url or f"{gateway_url(settings, 'ws')}{settings.events_ws_path}"
        return receive(
            where,
            gateway_token(settings),
            sessions=sessions,
            timeout_s=timeout,
            report=report,
            show=echo,
        )

    raise typer.Exit(exit_code_of(run, name="listen"))


@app.command()
def rehearse(
    session: Annotated[str, typer.Argument(help="A session's id, or latest.")] = "latest",
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="2 is twice as fast.")] = 1.0,
    loop: Annotated[bool, typer.Option(help="Repeat until Ctrl-C.")] = False,
) -> None:
    """Send a past session again to the connected client, with its timing and a new id.

    A live session stops it. Needs a running gateway and a connected client.
    Example: python -m event_gateway rehearse latest --speed 2 --loop
    """
    from event_gateway.commands.rehearse import rehearse as follow  # noqa: PLC0415  # only here

    def run() -> int:
        return follow(load_settings(), session, speed=speed, loop=loop, show=echo)

    raise typer.Exit(exit_code_of(run, name="rehearse"))


@app.command()
def quiet(
    state: Annotated[str, typer.Argument(help="on or off; without it: which it is.")] = "",
) -> None:
    """Let the water rest: TouchDesigner fades out, the kiosk takes no question; or wake it.

    Needs a running gateway; survives its restart. Example: python -m event_gateway quiet on
    """
    from event_gateway.commands.quiet import quiet as switch  # noqa: PLC0415  # only here

    raise typer.Exit(exit_code_of(lambda: switch(load_settings(), state, echo), name="quiet"))


@app.command()
def sample(
    slots: Annotated[int, typer.Option(min=2, max=6, help="Number of voices.")] = 3,
) -> None:
    """Make a small session with the embedded voices, for rehearsals.

    Calls no provider and needs no running server. Example: python -m event_gateway sample
    """
    from event_gateway.commands.sample import sample as make  # noqa: PLC0415  # only here

    def run() -> int:
        folder = Artifacts(load_settings().artifacts_dir).root
        return make(folder, slots=slots, show=echo)

    raise typer.Exit(exit_code_of(run, name="sample"))


@app.command()
def linecheck() -> None:
    """Make a recording to check the loudspeakers with: each place says its number, by turns.

    Then it steps through its range. Rehearse it afterwards. Needs no running server.
    Example: python -m event_gateway linecheck
    """
    import subprocess  # noqa: PLC0415  # only here
    import sys  # noqa: PLC0415  # only here

    # The voices and the show are the chat backend's.
    raise typer.Exit(subprocess.call([sys.executable, "-m", "chat_backend", "linecheck"]))


@app.command()
def history(session: Annotated[str, typer.Argument(help="The session's id.")]) -> None:
    """Print a session's events, one JSON object a line, with or without a running gateway.

    Example: python -m event_gateway history 3f0c1f1e-0000-4000-8000-000000000000
    """
    from event_gateway.commands.history import history as show  # noqa: PLC0415  # only here

    raise typer.Exit(exit_code_of(lambda: show(load_settings(), session, echo), name="history"))


@app.command()
def delete(session: Annotated[str, typer.Argument(help="The session's id.")]) -> None:
    """Remove a session's events, with or without a running gateway.

    `python -m chat_backend sessions delete` removes them and the files.
    Example: python -m event_gateway delete 3f0c1f1e-0000-4000-8000-000000000000
    """
    from event_gateway.commands.delete import delete as remove  # noqa: PLC0415  # only here

    raise typer.Exit(exit_code_of(lambda: remove(load_settings(), session, echo), name="delete"))


@app.command()
def describe() -> None:
    """Print the description of the socket, as AsyncAPI 3.

    Example: python -m event_gateway describe
    """
    import json  # noqa: PLC0415  # only here

    from event_gateway.commands.describe import describe as document  # noqa: PLC0415

    def run() -> int:
        echo_document(json.dumps(document(Settings()), indent=2))
        return 0

    raise typer.Exit(exit_code_of(run, name="describe"))


@app.command()
def keys(
    write: Annotated[bool, typer.Option(help="Add them to .env instead of printing them.")] = False,
) -> None:
    """Make the four keys for a bus between machines, as lines for .env.

    Example: python -m event_gateway keys --write
    """
    import zmq  # noqa: PLC0415  # only here

    def run() -> int:
        made: dict[str, str] = {}
        for owner in ("SERVER", "CLIENT"):
            public, secret = zmq.curve_keypair()
            made[f"RR_BUS_CURVE_{owner}_PUBLIC"] = public.decode()
            made[f"RR_BUS_CURVE_{owner}_SECRET"] = secret.decode()
        if write:
            add_to_dotenv(made)
            echo(f"added to {DOTENV.resolve()}: {', '.join(made)}")
        else:
            echo_document("\n".join(f"{name}='{value}'" for name, value in made.items()))
        return 0

    raise typer.Exit(exit_code_of(run, name="keys"))
