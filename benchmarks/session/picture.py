"""One session as a picture: six slots by three turns, each utterance's way through the servers."""

from importlib.util import find_spec
from pathlib import Path

from benchmarks.document import ROOT
from benchmarks.session.timeline import Timeline

PICTURE = ROOT / "docs" / "images" / "benchmarks-session.png"
TITLE = "Where a session's time goes"
# Colours that also those tell apart who do not see red and green (Okabe and Ito).
COLOURS = {
    "agent": "#56b4e9",
    "waiting for a voice": "#dddddd",
    "speech": "#0072b2",
    "queue for waves": "#999999",
    "waves": "#d55e00",
}


def draw(session: Timeline, path: Path = PICTURE, *, title: str = TITLE) -> str:
    """Draw a session and return the line that shows it in the document."""
    if find_spec("matplotlib") is None:
        return "No picture: matplotlib is not installed (`uv sync --extra bench`)."
    import matplotlib as mpl  # noqa: PLC0415  # a second to load, and not everywhere installed

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
    ways = sorted(session.ways, key=lambda way: way.place)
    for row, way in enumerate(ways):
        at = {
            "agent": way.asked,
            "waiting for a voice": way.text,
            "speech": way.speaking,
            "queue for waves": way.spoken,
            "waves": way.decomposing,
        }
        for name, colour in COLOURS.items():
            left = 1e3 * (at[name] - session.sent)
            axes.barh(
                row,
                1e3 * way.parts[name],
                left=left,
                color=colour,
                label=name if row == 0 else None,
            )
    for moment, name in ((session.turn1, "turn1.waves.ready"), (session.last, "last dialogue")):
        axes.axvline(1e3 * (moment - session.sent), color="black", linewidth=1)
        axes.text(1e3 * (moment - session.sent), -0.7, f"{name} ", ha="right", va="bottom")
    axes.set_yticks(range(len(ways)), [f"turn {t}, slot {s}" for t, s in (w.place for w in ways)])
    axes.set_ylim(len(ways) - 0.4, -1.6)  # downwards, with room for the names of the events
    axes.set_xlim(left=0)
    axes.set_xlabel("ms since the visitor's message")
    axes.legend(loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return f"![{title}](images/{path.name})"
