"""A show that is edited while the backend runs: taken over whole, or refused."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from chat_backend.show import current as module
from chat_backend.show.current import RESTART, CurrentShow
from chat_backend.show.folder import write_show
from chat_backend.show.show import Show, load_show
from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings
from tests.show.test_show_folder import change
from tests.support.platforms import PIPES, posix


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new show."""
    write_show(tmp_path / "mine")
    return tmp_path / "mine"


class Watched:
    """A running backend's show, what it gave to the sessions, and what it logged."""

    def __init__(self, folder: Path) -> None:
        self.it = CurrentShow(Settings(show=folder))
        self.taken: list[Show] = []
        self.it.on_change = self.taken.append

    def check(self) -> list[str]:
        """Look once, and return the log's lines."""
        with capture_logs() as logs:
            asyncio.run(self.it.check())
        return [entry["event"] for entry in logs]


def test_a_sound_change_is_taken_over(folder: Path) -> None:
    """Once, and the earlier value stays as it was for the sessions that hold it."""
    watched = Watched(folder)
    before = watched.it.show
    assert watched.check() == []
    change(folder, "words.toml", "a basin of water", "a cave")
    assert watched.check() == ["show changed, from the next session on"]
    assert watched.check() == []
    assert watched.taken == [watched.it.show]
    assert "a cave" in watched.it.show.words.place
    assert "a cave" not in before.words.place
    assert watched.it.problem == ""


def test_a_mistake_is_refused_until_it_is_mended(folder: Path) -> None:
    """One line says why; the old show goes on, the whole of it."""
    watched = Watched(folder)
    before = watched.it.show
    change(folder, "words.toml", "a basin of water", "a cave")
    change(folder, "personas/tap.toml", "closings = [", "closings = [3, ")
    assert watched.check() == ["show refused, the old one goes on"]
    assert watched.check() == []
    assert watched.it.show == before
    assert watched.taken == []
    assert "tap.toml" in watched.it.problem
    change(folder, "personas/tap.toml", "closings = [3, ", "closings = [")
    assert watched.check() == ["show changed, from the next session on"]
    assert watched.it.problem == ""


def test_a_mistake_that_is_taken_back_changes_nothing(folder: Path) -> None:
    """The sessions' services are not made anew for it."""
    watched = Watched(folder)
    change(folder, "words.toml", "comment = 200", "comment = 2")
    watched.check()
    change(folder, "words.toml", "comment = 2", "comment = 200")
    assert watched.check() == []
    assert (watched.it.problem, watched.taken) == ("", [])


def test_an_emptied_file_and_a_lost_folder_are_refused(folder: Path) -> None:
    """An editor may empty a file before it writes it, and a disk may come loose."""
    watched = Watched(folder)
    before = watched.it.show
    text = (folder / "words.toml").read_text("utf-8")
    (folder / "words.toml").write_text("", "utf-8")
    assert watched.check() == ["show refused, the old one goes on"]
    (folder / "words.toml").write_text(text, "utf-8")
    watched.check()
    folder.rename(folder.with_name("gone"))
    assert watched.check() == ["show refused, the old one goes on"]
    assert "no folder" in watched.it.problem
    assert watched.it.show == before


@posix("link to a name that no file can have")
def test_a_show_that_cannot_even_be_looked_at_is_refused(folder: Path) -> None:
    """As on a share that fails: no visitor is turned away, and it is read again when it is back."""
    watched = Watched(folder)
    before = watched.it.show
    folder.rename(folder.with_name("aside"))
    folder.symlink_to("x" * 300)
    assert watched.check() == ["show refused, the old one goes on"]
    assert watched.check() == []
    assert f"RR_SHOW={folder}" in watched.it.problem
    folder.unlink()
    folder.with_name("aside").rename(folder)
    assert watched.check() == []
    assert (watched.it.problem, watched.it.show, watched.taken) == ("", before, [])


def test_other_models_need_a_restart(folder: Path) -> None:
    """The rest of the change is taken; the chosen models stay, and it is said."""
    watched = Watched(folder)
    models = watched.it.show.models
    change(folder, "agents.toml", '"gpt-5.4-mini"', '"gpt-6"')
    change(folder, "words.toml", "comment = 200", "comment = 150")
    assert watched.check() == ["show needs a restart", "show changed, from the next session on"]
    assert watched.it.problem == RESTART
    assert watched.it.show.models == models
    assert watched.it.show.words.lengths.comment == 150
    change(folder, "agents.toml", '"gpt-6"', '"gpt-5.4-mini"')
    assert watched.check() == []
    assert watched.it.problem == ""


def test_half_a_change_is_never_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written while the others are read is read again."""
    watched = Watched(folder)
    change(folder, "words.toml", "a basin of water", "a cave")

    def read_and_write(settings: Settings) -> Show:
        found = load_show(settings)
        if "a cave" not in (folder / "personas" / "well.toml").read_text("utf-8"):
            change(folder, "personas/well.toml", 'character = """', 'character = """a cave ')
        return found

    monkeypatch.setattr(module, "load_show", read_and_write)
    watched.check()
    (show,) = watched.taken
    assert "a cave" in show.words.place
    assert any("a cave" in each.character for each in show.personas.values())


def test_a_start_with_a_mistake_is_refused(folder: Path) -> None:
    """Rather than a show that nobody meant."""
    change(folder, "words.toml", "comment = 200", "comment = 2")
    with pytest.raises(InvalidSetting, match=r"lengths\.comment"):
        CurrentShow(Settings(show=folder))


def test_a_number_that_python_does_not_read_is_a_mistake_like_another(folder: Path) -> None:
    """No exception of its own: sessions begin, and the next change is seen."""
    watched = Watched(folder)
    change(folder, "words.toml", "comment = 200", f"comment = {'9' * 5000}")
    assert watched.check() == ["show refused, the old one goes on"]
    assert "words.toml" in watched.it.problem
    assert len(watched.it.problem) < 500
    change(folder, "words.toml", f"comment = {'9' * 5000}", "comment = 150")
    assert watched.check() == ["show changed, from the next session on"]


def test_a_fault_of_ours_is_a_problem_of_the_show(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever reading it or taking it over raises: one line, and the check lives on."""
    watched = Watched(folder)
    before = watched.it.show

    def broken(_: object) -> NoReturn:
        raise KeyError("unforeseen")

    change(folder, "words.toml", "comment = 200", "comment = 150")
    with monkeypatch.context() as patched:
        patched.setattr(module, "load_show", broken)
        assert watched.check() == ["show refused, the old one goes on"]
        assert watched.check() == []
    assert "KeyError: 'unforeseen'" in watched.it.problem
    change(folder, "words.toml", "comment = 150", "comment = 160")
    watched.it.on_change = broken
    assert watched.check() == ["show refused, the old one goes on"]
    assert watched.it.show == before
    change(folder, "words.toml", "comment = 160", "comment = 170")
    watched.it.on_change = watched.taken.append
    assert watched.check() == ["show changed, from the next session on"]
    assert watched.it.problem == ""


@PIPES
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["words.toml", "personas/a.toml", "personas"])
def test_what_is_no_file_is_refused_without_waiting(folder: Path, name: str) -> None:
    """A pipe, a file without end, a link that leads nowhere; the old show goes on meanwhile."""
    watched = Watched(folder)
    before = watched.it.show
    path = folder / name
    aside = folder / "aside"
    if path.exists():
        path.rename(aside)
    odd: list[Callable[[Path], None]] = [
        os.mkfifo,
        lambda it: it.symlink_to("/dev/zero"),
        lambda it: it.symlink_to("gone"),
        lambda it: it.symlink_to(it),
    ]
    for put in odd:
        put(path)
        assert watched.check() == ["show refused, the old one goes on"]
        assert watched.check() == []
        assert str(path) in watched.it.problem
        path.unlink()
    if aside.exists():
        aside.rename(path)
    assert watched.check() == []
    assert (watched.it.problem, watched.it.show, watched.taken) == ("", before, [])
