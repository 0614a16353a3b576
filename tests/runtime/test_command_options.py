"""Options of the commands: bounds are those of typer, whose sentence names option and bound."""

import pytest
import typer
from typer.testing import CliRunner

from chat_backend.cli import app as chat_backend
from event_gateway.cli import app as event_gateway


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "soon"])
@pytest.mark.parametrize(
    ("app", "command"),
    [
        (event_gateway, ("listen", "--timeout")),
        (event_gateway, ("rehearse", "--speed")),
        (chat_backend, ("say", "hello", "--timeout")),
    ],
    ids=["listen", "rehearse", "say"],
)
def test_no_number_of_seconds_waits_for_ever(
    app: typer.Typer, command: tuple[str, ...], value: str
) -> None:
    """Refused at once, by name."""
    result = CliRunner().invoke(app, [*command, value])
    assert result.exit_code == 2
    assert command[-1] in result.output
