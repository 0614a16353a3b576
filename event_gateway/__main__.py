"""``python -m event_gateway``: the sidecar, its supervisor, and a stand-in for TouchDesigner."""

import sys
from typing import Annotated

import typer

from shared_schema.runtime.cli import server_cli
from shared_schema.runtime.exits import exit_code_of
from shared_schema.settings import Settings, load_settings


def _serve(settings: Settings) -> int:
    # Neither the supervisor nor `listen` needs the server's libraries.
    from event_gateway.server import serve  # noqa: PLC0415

    return serve(settings)


app = server_cli("event_gateway", "gateway", _serve)


@app.command()
def listen(
    url: Annotated[str, typer.Option(help="The socket; default: the gateway's settings.")] = "",
    sessions: Annotated[int, typer.Option(help="End after so many sessions; 0: never.")] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the next event.")] = 120.0,
) -> None:
    """Stand in for TouchDesigner: print each event, check each file.

    Ends with 0 when it has seen everything that the sessions promised and every file is sound.
    Example: python -m event_gateway listen --sessions 1
    """

    # Only this command needs NumPy; the gateway starts without it.
    from event_gateway.listen import Expectation, listen_until_told  # noqa: PLC0415

    def run() -> int:
        settings = load_settings()
        where = url or f"ws://localhost:{settings.gateway_port}{settings.events_ws_path}"
        return listen_until_told(
            where, Expectation(sessions=sessions, timeout_s=timeout, token=settings.events_token)
        )

    raise typer.Exit(exit_code_of(run, name="listen"))


@app.command()
def keys() -> None:
    """Make the four keys of a bus that leaves this machine, as lines for .env.

    Example: python -m event_gateway keys >> .env
    """
    import zmq  # noqa: PLC0415  # only here

    for owner in ("SERVER", "CLIENT"):
        public, secret = zmq.curve_keypair()
        typer.echo(f"RR_BUS_CURVE_{owner}_PUBLIC='{public.decode()}'")
        typer.echo(f"RR_BUS_CURVE_{owner}_SECRET='{secret.decode()}'")


if __name__ == "__main__":
    sys.exit(app())
