"""What is written for people agrees with what the code knows."""

import re
from pathlib import Path

from chat_backend.agents.models.table import load_models
from chat_backend.providers.keys import KEY_VARIABLES, load_keys
from chat_backend.speech.voices import load_voices
from shared_schema.settings import VARIABLES, Settings, load_settings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
VOICES = ROOT / "docs" / "voices.md"


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
