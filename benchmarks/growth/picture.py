"""One picture of all curves; without matplotlib there is none."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from benchmarks.growth.fit import Curve

PICTURE: Final = Path(__file__).parents[2] / "docs" / "images" / "benchmarks-growth.png"
_COLOURS: Final = ("#0b6e99", "#d1495b", "#3a7d44", "#8d5fd3", "#c77d0a", "#5c6b73")
_MARKERS: Final = "osD^vP"
_A_ROW: Final = 4


class Panel:
    """A part of the picture: what grows, and what that costs."""

    def __init__(self, title: str, growing: str, curves: list[Curve]) -> None:
        self.title = title
        self.growing = growing
        self.curves = curves


def draw(panels: list[Panel]) -> str:
    """Draw the panels row by row; return a line that says where, or why not."""
    if find_spec("matplotlib") is None:
        return "No picture: matplotlib is not installed (`uv sync --extra bench`)."
    import matplotlib as mpl  # noqa: PLC0415  # slow to load, and not everywhere installed

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    rows = -(-len(panels) // _A_ROW)
    figure = plt.figure(figsize=(4.5 * _A_ROW, 4.8 * rows), layout="constrained")
    for place, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(rows, _A_ROW, place), panel)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)
    name = PICTURE.relative_to(Path(__file__).parents[2]).as_posix()
    return f"![Costs against what is there, log-log]({name.removeprefix('docs/')})"


def _draw(axis: object, panel: Panel) -> None:
    from matplotlib.axes import Axes  # noqa: PLC0415

    assert isinstance(axis, Axes)
    for curve, colour, marker in zip(panel.curves, _COLOURS, _MARKERS, strict=False):
        label = f"{curve.row()[0]}  ({curve.exponent:+.2f})"
        axis.loglog(
            curve.sizes, curve.shown, marker + "-", color=colour, label=label, linewidth=1.8
        )
    _reference(axis, panel.curves)
    axis.set_title(panel.title, fontsize=11)
    axis.set_xlabel(panel.growing)
    memory = any(curve.unit == "MB" for curve in panel.curves)
    axis.set_ylabel("time in ms, memory in MB" if memory else "time in ms")
    axis.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axis.legend(
        fontsize=8, loc="upper left", framealpha=0.9, title="what (exponent)", title_fontsize=8
    )


def _reference(axis: object, curves: list[Curve]) -> None:
    """Draw what growing linearly would look like, from the first curve's beginning."""
    from matplotlib.axes import Axes  # noqa: PLC0415

    assert isinstance(axis, Axes)
    sizes = curves[0].sizes
    least = min(min(curve.shown) for curve in curves)
    most = max(max(curve.shown) for curve in curves)
    axis.set_ylim(least / 2, most * 60)
    beginning = least * 0.7
    axis.loglog(
        sizes, [beginning * size / sizes[0] for size in sizes], ":", color="#999999", label="linear"
    )
