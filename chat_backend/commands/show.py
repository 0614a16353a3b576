"""The commands ``show init|check`` for the folder of an artist's show."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import structs

from chat_backend.show.folder import write_show
from chat_backend.show.show import WATER, load_show
from chat_backend.show.water import beats
from shared_schema.runtime.log.output import echo
from shared_schema.runtime.process.exits import OK, exit_code_of
from shared_schema.settings import load_settings

Folder = Annotated[Path, typer.Argument(help="The show's folder.")]

app = typer.Typer(
    no_args_is_help=True,
    help="The show: a folder of texts, characters and voices to be edited."
    " Example: python -m chat_backend show init my_show",
)


@app.command()
def init(
    folder: Folder,
    water: Annotated[
        Literal["plain", "dome"],
        typer.Option(help="plain: no ranges; dome: a range for each of six places."),
    ] = "plain",
) -> None:
    """Write every file of a show with its defaults and comments into a new folder.

    Example: python -m chat_backend show init my_show --water dome
    """

    def run() -> int:
        for path in write_show(folder, dome=water == "dome"):
            echo(f"wrote {path}")
        echo(f"Edit them, then: python -m chat_backend show check {folder}")
        echo(f"Start with RR_SHOW={folder} in the environment or in .env.")
        return OK

    raise typer.Exit(exit_code_of(run, name="show"))


@app.command()
def check(folder: Folder) -> None:
    """Read a show as the start does; name file, line and remedy of what does not fit.

    Example: python -m chat_backend show check my_show
    """

    def run() -> int:
        show = load_show(structs.replace(load_settings(), show=folder))
        for warning in beats(show.water):
            echo(f"{folder / WATER}: {warning}")
        echo(f"{folder} is sound")
        return OK

    raise typer.Exit(exit_code_of(run, name="show"))
