"""What is written for people agrees with what the code knows."""

import re
import tomllib
from pathlib import Path

import pytest

from chat_backend.agents.models.table import load_models
from chat_backend.providers.keys import KEY_VARIABLES, load_keys
from chat_backend.speech.voices import load_voices
from shared_schema import VERSION
from shared_schema.settings import VARIABLES, Settings, load_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
VOICES = ROOT / "docs" / "voices.md"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_the_example_lists_every_variable_once_and_sets_none() -> None:
    """Settings and keys; as it is, the file changes nothing."""
    text = EXAMPLE.read_text("utf-8")
    listed = re.findall(r"^# ([A-Z0-9_]+)=", text, re.MULTILINE)
    assert sorted(listed) == sorted([*VARIABLES, *KEY_VARIABLES])
    assert not re.findall(r"^[^#\n]", text, re.MULTILINE)
    assert load_settings({}, dotenv=EXAMPLE) == Settings()


def test_the_examples_values_are_the_defaults(tmp_path: Path) -> None:
    """Taking every # away changes nothing either, and every line can be read."""
    lines = re.findall(r"^# ([A-Z0-9_]+=.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    dotenv = tmp_path / ".env"
    # An empty path is left out rather than given empty.
    kept = [line for line in lines if not line.endswith("=")]
    dotenv.write_text("\n".join(kept), "utf-8")
    assert load_settings({}, dotenv=dotenv) == Settings()
    dotenv.write_text("\n".join(lines), "utf-8")
    assert repr(load_keys({}, dotenv=dotenv)) == "Keys()"
    assert load_settings({}, dotenv=dotenv) == Settings()


def test_the_page_on_voices_has_every_key_model_and_voice() -> None:
    """Whatever a user may look for there."""
    text = VOICES.read_text("utf-8")
    models, voices = load_models(None).agents, load_voices(None)
    wanted = [
        *KEY_VARIABLES,
        *models,
        *(each.model for each in models.values()),
        *(each.voice_id for each in voices.elevenlabs.values()),
        *(each.voice for each in voices.openai.values()),
    ]
    assert [name for name in wanted if f"`{name}`" not in text] == []


def test_the_version_is_the_same_everywhere() -> None:
    """In the project's file, in what servers and clients tell, and at the top of the changes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert project["version"] == newest[1] == VERSION


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading in it."""
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text("utf-8")):
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as they are made from their text."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


def test_the_map_of_the_code_names_what_exists() -> None:
    """Of CONTRIBUTING.md, "To change X, go to Y": every path with a folder in it."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = text.partition("## To change X, go to Y")[2].partition("\n\n## ")[0]
    paths = re.findall(r"`([\w.]+/[\w./*]*)`", rows)
    assert len(paths) > 30
    assert [each for each in paths if not any(ROOT.glob(each.rstrip("/")))] == []
