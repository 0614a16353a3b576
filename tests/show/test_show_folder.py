"""A show's folder: written with the defaults, read whole, and refused with the place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from chat_backend.show.folder import write_show
from chat_backend.show.show import Show, load_show
from chat_backend.show.water import beats
from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings
from shared_schema.water import WaterMap

DEFAULT = load_show(Settings())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A new show."""
    write_show(tmp_path / "mine")
    return tmp_path / "mine"


def read(folder: Path) -> Show:
    """The show of a folder."""
    return load_show(Settings(show=folder))


def change(folder: Path, name: str, old: str, new: str) -> None:
    """Edit a file of a show."""
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), "utf-8")


def refusal(folder: Path) -> str:
    """What is said of a show."""
    with pytest.raises(InvalidSetting) as raised:
        read(folder)
    return str(raised.value)


def test_a_new_show_is_the_default_show(folder: Path) -> None:
    """Every file is there, with a comment at its top, and says what holds without it."""
    assert read(folder) == DEFAULT
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.toml")}
    assert {"agents.toml", "voices.toml", "words.toml", "water.toml", "summary.toml"} < set(files)
    assert len(files) == 5 + 6
    for path in files.values():
        assert path.read_text("utf-8").startswith("# ")


def test_nothing_is_overwritten(folder: Path) -> None:
    """Neither a show nor anything else that is in the folder."""
    change(folder, "words.toml", "400", "300")
    with pytest.raises(InvalidSetting, match="not empty"):
        write_show(folder)
    assert read(folder).words.lengths.response == 300


def test_a_new_show_goes_only_where_it_can(tmp_path: Path) -> None:
    """With the reason."""
    (tmp_path / "file").write_text("x", "utf-8")
    for nowhere in (tmp_path / "file" / "show", tmp_path / ("x" * 300)):
        with pytest.raises(InvalidSetting, match="cannot be written"):
            write_show(nowhere)


def test_an_empty_folder_is_the_default_show(tmp_path: Path) -> None:
    """Whoever changes one thing needs one file."""
    assert read(tmp_path) == DEFAULT


def test_each_part_can_be_changed(folder: Path) -> None:
    """The place, the manner, a question, a length, a character, a sentence, a voice, a model."""
    change(folder, "words.toml", "a basin of water", "a cave")
    change(folder, "words.toml", "Answer the visitor.", "Whisper to the visitor.")
    change(folder, "words.toml", "comment = 200", "comment = 120")
    change(folder, "personas/puddle.toml", "Small, playful, upside down.", "Huge.")
    change(folder, "personas/puddle.toml", '"Jump?",', '"Leap?",')
    change(folder, "voices.toml", "easy and close", "far and cold")
    change(folder, "voices.toml", 'voice = "shimmer"', 'voice = "echo"')
    change(folder, "agents.toml", '"gpt-5.4-mini"', '"gpt-6"')
    change(folder, "water.toml", "# range_hz = [50, 70]", "range_hz = [100, 150]")
    change(folder, "water.toml", 'wave3 = "own"', "wave3 = [4, 5, 6, 1, 2, 3]")
    change(folder, "summary.toml", '"Let it settle."', '"That is all."')
    change(folder, "voices.toml", 'summary = "calm_soothing"', 'summary = "friendly_casual"')
    change(folder, "words.toml", "and name nobody", "and name everybody")
    change(folder, "words.toml", '"Ask the water"', '"Ask the cave"')
    show = read(folder)
    assert show.words.kiosk.title == "Ask the cave"
    assert show.summary.closings[0] == "That is all."
    assert show.voices.summary == "friendly_casual"
    assert show.words.asked.summary.endswith("name everybody.")
    assert show.water.ranges_hz == (None, (100, 150), None, None, None, None)
    assert show.water.places_of(1) == (1, 2, 4)
    assert "a slow wave in a cave." in show.words.place
    assert show.words.asked.response == "Whisper to the visitor."
    assert (show.words.lengths.comment, show.words.lengths.reply) == (120, 300)
    puddle = show.personas["gemini-3"]
    assert puddle.character.startswith("Huge.")
    assert puddle.closings[0] == "Leap?"
    assert show.voices.guide["friendly_casual"].startswith("far")
    assert show.voices.openai["calm_soothing"].voice == "echo"
    assert show.models.agents["gpt-4o"].model == "gpt-6"
    assert show.personas["gpt-4o"] == DEFAULT.personas["gpt-4o"]


def test_the_older_settings_win(folder: Path, tmp_path: Path) -> None:
    """What they leave out is that of the folder."""
    change(folder, "agents.toml", '"gpt-5.4-mini"', '"of-the-show"')
    change(folder, "agents.toml", '"gpt-5.2", cost', '"of-the-show", cost')
    models, voices = tmp_path / "models.toml", tmp_path / "voices.toml"
    models.write_text('[agents.gpt-4o]\nprovider = "openai"\nmodel = "wins"\n', "utf-8")
    voices.write_text('[openai.calm_soothing]\nvoice = "wins"\n', "utf-8")
    change(folder, "voices.toml", 'voice = "onyx"', 'voice = "of-the-show"')
    show = load_show(Settings(show=folder, agent_models=models, tts_voices=voices))
    assert show.models.agents["gpt-4o"].model == "wins"
    assert show.models.agents["gpt-5.2"].model == "of-the-show"
    assert show.voices.openai["calm_soothing"].voice == "wins"
    assert show.voices.openai["confident_charming"].voice == "of-the-show"
    models.write_text('[agents.gpt-4o]\nprovider = "nobody"\nmodel = "x"\n', "utf-8")
    with pytest.raises(InvalidSetting, match=r"^RR_AGENT_MODELS=.*models\.toml:2: agents\.gpt-4o"):
        load_show(Settings(show=folder, agent_models=models))


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("words.toml", "response = 400", "response = 9999", "words.toml:{line}: lengths.response"),
        ("words.toml", "response = 400", "answer = 400", "words.toml:{line}: lengths.answer"),
        ("words.toml", "comment = 200", "comment = 60", "words.toml:{line}: lengths.comment"),
        ("agents.toml", '"google"', '"gogle"', "agents.toml:{line}: agents.gemini-3.provider"),
        ("voices.toml", "speed = 1.1 }", "speed = 11 }", "voices.toml:{line}: elevenlabs."),
        ("water.toml", "# range_hz = [80", "range_hz = [8", "water.toml:{line}: slot1.range_hz"),
        ("water.toml", "# range_hz = [80", "range_hz = [true", "water.toml:{line}: slot1.range"),
        ("water.toml", 'wave2 = "next"', "wave2 = [1, 1, 2, 3, 4, 5]", "water.toml:{line}: wave2"),
        ("water.toml", 'wave2 = "next"', 'wave2 = "nxt"', "water.toml:{line}: wave2"),
        ("water.toml", "[slot6]", "[slot7]", "water.toml:{line}: slot7"),
        ("summary.toml", "“{third}” for last", "it for last", "summary.toml:{line}: three[0]"),
        ("summary.toml", "Let it settle.", "Let {it} settle.", "summary.toml:{line}: closings[0]"),
        ("personas/well.toml", "home = ", "hom = ", "well.toml:{line}: hom: "),
        ("personas/tap.toml", "closings = [", "closings = [3, ", "tap.toml:{line}: closings[0]"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    folder: Path, name: str, old: str, new: str, told: str
) -> None:
    """File, line, key and remedy; by the command as by the start."""
    change(folder, name, old, new)
    lines = (folder / name).read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if new in text)
    message = refusal(folder)
    assert told.format(line=line) in message
    assert ";" in message or "write" in message


def test_a_dome_has_its_ranges_and_does_not_beat(tmp_path: Path) -> None:
    """Three pairs of places."""
    write_show(tmp_path / "dome", dome=True)
    water = read(tmp_path / "dome").water
    assert water.ranges_hz == ((80, 100), (50, 70), (20, 40), (20, 40), (50, 70), (80, 100))
    assert list(beats(water)) == []
    assert structs.replace(water, ranges_hz=DEFAULT.water.ranges_hz) == DEFAULT.water


def test_ranges_that_beat_in_one_mix_are_told() -> None:
    """Each two once; those that no slot mixes, and the same range twice, do not matter."""
    ranges = ((80.0, 100.0), (60.0, 80.0), None, (80.0, 100.0), None, (80.0, 100.0))
    told = list(beats(WaterMap(ranges_hz=ranges)))
    assert told == [
        "60 to 80 Hz and 80 to 100 Hz beat in the mix of slot 1; make them the same, or 30 Hz"
        " apart, low from low and high from high"
    ]
    crossing = WaterMap(ranges_hz=((20.0, 150.0), (60.0, 80.0), None, None, None, None))
    assert len(list(beats(crossing))) == 1
    assert list(beats(WaterMap(ranges_hz=ranges, wave2="none"))) == []


def test_a_name_that_no_show_has_is_refused(folder: Path) -> None:
    """A file that nobody would read is a typing mistake."""
    (folder / "word.toml").write_text("place = 'x'", "utf-8")
    assert "word.toml is no file of a show; those are agents.toml" in refusal(folder)
    assert "show init" in refusal(folder / "none")


def test_lengths_need_sentences_that_keep_to_them(tmp_path: Path) -> None:
    """Also where the lengths are the default ones and the sentences are too long."""
    (tmp_path / "personas").mkdir()
    long = "“{quote}” " + "and then " * 30 + "it was over."
    (tmp_path / "personas" / "a.toml").write_text(
        f'agent = "gpt-4o"\ncomments = ["{long}"]\n', "utf-8"
    )
    message = refusal(tmp_path)
    assert "words.toml: lengths.comment: at 200 characters, the comments of gpt-4o" in message


def test_the_commands(tmp_path: Path) -> None:
    """`init` writes, `check` reads; one line and exit code 78 for a mistake."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RR_")}
        return subprocess.run(
            [sys.executable, "-m", "chat_backend", "show", *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    made = run("init", "mine")
    assert made.returncode == 0
    assert "RR_SHOW=mine" in made.stdout
    assert run("check", "mine").stdout.strip() == "mine is sound"
    change(tmp_path / "mine", "water.toml", "# range_hz = [80, 100]", "range_hz = [80, 100]")
    change(tmp_path / "mine", "water.toml", "# range_hz = [50, 70]", "range_hz = [60, 80]")
    warned = run("check", "mine")
    assert warned.returncode == 0
    assert "beat in the mix of slot 1" in warned.stdout
    change(tmp_path / "mine", "words.toml", "reply = 300", "reply = 3")
    wrong = run("check", "mine")
    assert wrong.returncode == 78
    assert len(wrong.stderr.splitlines()) == 1
    assert "lengths.reply" in wrong.stderr
    assert run("init", "mine").returncode == 78
