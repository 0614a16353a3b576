"""What a show costs by what an artist has written: read, refused, and looked at for a change."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from structlog.testing import capture_logs

from benchmarks.growth.fit import LINEAR_LIMIT, Curve
from chat_backend.show.current import CurrentShow
from chat_backend.show.folder import write_show
from chat_backend.show.show import PERSONAS, WORDS, load_show
from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings

SIZES: Final = (100, 1_000, 10_000)
_ROUNDS: Final = 3
_CHECKS: Final = 20
_PERSONA: Final = f"{PERSONAS}/ferry.toml"
_ENTRY: Final = 'mist = ["fog"]'


def measure(say: Callable[[str], None]) -> list[Curve]:
    """Return what reading, refusing and looking cost, by sentences and phrases, or by files."""
    costs: dict[str, list[float]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="show-") as name:
            show = Path(name) / "show"
            settings = Settings(show=show)
            write_show(show)
            _write(show, size)
            costs.setdefault("read", []).append(_reading(settings))
            _put(show / _PERSONA, _ENTRY, "mist = 3")
            costs.setdefault("refused, for a mistake", []).append(
                _reading(settings, "lexicon.mist")
            )
        with tempfile.TemporaryDirectory(prefix="show-") as name:
            looking = asyncio.run(_looking(Path(name), size))
            costs.setdefault("looked at, before a session", []).append(looking)
        say(f"a show of {size} sentences")
    return [
        Curve(name=name, sizes=SIZES, costs=tuple(values), limit=LINEAR_LIMIT)
        for name, values in costs.items()
    ]


def _write(show: Path, size: int) -> None:
    """Add so many sentences that name an entry to a persona, and phrases to the words."""
    persona = show / _PERSONA
    _put(persona, "[lexicon]", "[lexicon]", _ENTRY)
    sentences = (f'"Crossing {n} was {{mist}}.",' for n in range(size))
    _put(persona, "thoughts = [", "thoughts = [", *sentences)
    phrases = (f'"the word {n}",' for n in range(size))
    _put(show / WORDS, "phrases = [", "phrases = [", *phrases)


def _put(path: Path, line: str, *lines: str) -> None:
    """Put lines in the place of what begins with one."""
    text = path.read_text("utf-8")
    assert f"\n{line}" in text
    new = "\n".join(lines)
    path.write_text(text.replace(f"\n{line}", f"\n{new}", 1), "utf-8")


def _reading(settings: Settings, refused: str = "") -> float:
    """Return the seconds of reading a show, which must be refused for this key, if for any."""
    seconds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        problem = ""
        try:
            load_show(settings)
        except InvalidSetting as error:
            problem = str(error)
        seconds.append(time.perf_counter() - started)
        assert bool(problem) == bool(refused), problem
        assert refused in problem, problem
    return min(seconds)


async def _looking(folder: Path, files: int) -> float:
    """Return what each session waits in a folder of so many files that have not changed."""
    current = CurrentShow(Settings(show=folder))
    for number in range(files):
        (folder / f"note {number}.toml").write_bytes(b"")
    with capture_logs():
        await current.check()  # refused, once
    seconds = []
    for _ in range(_CHECKS):
        started = time.perf_counter()
        await current.check()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
