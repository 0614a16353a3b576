"""What we use of the hibari package; an upgrade that changes it fails here."""

import gzip
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import hibari
import numpy as np
import pytest
from hibari import dsp, g2p
from hypothesis import given
from hypothesis import strategies as st

from chat_backend.errors import SpeechFailed
from chat_backend.speech.audio import SAMPLE_RATE_HZ
from chat_backend.speech.hibari import HibariModel, asset, for_all_lengths
from chat_backend.speech.speakable import speakable

SENTENCE = "You said water remembers."


@pytest.fixture(scope="module")
def voice() -> hibari.Hibari:
    """The package's own object, as it comes."""
    return hibari.Hibari(voice="heart", threads=1)


def test_the_version_is_the_one_that_was_measured() -> None:
    """The profiles' figures were measured with this version."""
    assert version("hibari-tts") == "0.2.1"


def test_the_sample_rate_and_hop() -> None:
    """The model's frames are 12.5 ms at 24 kHz."""
    assert (dsp.SR, dsp.HOP, dsp.N_FFT) == (SAMPLE_RATE_HZ, 300, 1200)


def test_the_model_names_its_inputs_and_outputs(voice: hibari.Hibari) -> None:
    """We call the session by these names and take its outputs in this order."""
    assert {item.name for item in voice.sess.get_inputs()} == {"ids", "speed"}
    assert [item.name for item in voice.sess.get_outputs()] == [
        "lh", "theta", "ln", "lr", "phi", "f0",
    ]  # fmt: skip


def test_no_plan_of_memory_is_kept_for_each_length(voice: hibari.Hibari) -> None:
    """The session is made anew with one option changed; what the model returns is the same."""
    ours = for_all_lengths(voice.sess, voice.model_path)
    options = ours.get_session_options()
    assert (options.enable_mem_pattern, options.intra_op_num_threads) == (False, 1)
    inputs = {
        "ids": np.asarray([voice.ids(voice.phonemize(SENTENCE)[0])], np.int64),
        "speed": np.asarray([1.0], np.float32),
    }
    for one, other in zip(ours.run(None, inputs), voice.sess.run(None, inputs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_phonemes_are_one_string_a_sentence(voice: hibari.Hibari) -> None:
    """Sentences come apart and are spelled in the model's alphabet."""
    sentences = voice.phonemize("Hello there. How deep is it?")
    assert len(sentences) == 2
    assert all(len(voice.ids(sentence)) == len(sentence) + 2 for sentence in sentences)


def test_the_outputs_have_the_shapes_that_we_reshape(model: HibariModel) -> None:
    """Five arrays of 601 bins and a pitch track, float32, over the same frames."""
    frames = model.frames(model.phonemes(SENTENCE)[0], speed=1.0)
    count = frames.pitch.shape[0]
    assert [part.shape for part in frames[:5]] == [(601, count)] * 5
    assert {part.dtype for part in frames} == {np.dtype(np.float32)}


def test_the_synthesis_makes_a_hop_of_every_frame(model: HibariModel) -> None:
    """The waveform is float32, mono, as long as the frames, and depends on the generator's seed."""
    frames = model.frames(model.phonemes(SENTENCE)[0], speed=1.0)
    first, again = (model.signal(frames, np.random.default_rng(1)) for _ in range(2))
    assert first.shape == (300 * frames.pitch.shape[0],)
    assert first.dtype == np.float32
    assert np.array_equal(first, again)


def test_an_unvoiced_frame_has_a_pitch_below_forty(model: HibariModel) -> None:
    """We take 40 Hz as the border; the model keeps well away from it on either side."""
    pitch = model.frames(model.phonemes("Six soft fish, she says.")[0], speed=1.0).pitch
    assert np.mean((pitch > 10) & (pitch < 60)) < 0.05
    assert 0.1 < np.mean(pitch > 60) < 0.95


@pytest.mark.parametrize("name", ["lexicon_us_gold.json.gz", "tokenizer_exceptions.json"])
def test_our_reader_of_its_dictionaries_reads_the_same(model: HibariModel, name: str) -> None:
    """It replaces the package's own, which still has this name."""
    content = (Path(hibari.__file__).parent / "assets" / name).read_bytes()
    assert asset(name) == json.loads(gzip.decompress(content) if name.endswith("gz") else content)
    assert g2p._load_json is asset
    assert "_load_json" in g2p.G2P.__init__.__code__.co_names


def test_the_guesser_for_unknown_words_is_there(model: HibariModel) -> None:
    """A word that is in no dictionary has phonemes nevertheless."""
    assert model.phonemes("zubblets")


@given(text=st.text(alphabet=st.characters(max_codepoint=0x2030), max_size=60))
def test_any_speakable_text_has_phonemes_and_breaks_nothing(model: HibariModel, text: str) -> None:
    """The package's reader of numbers, times and signs takes whatever a visitor types."""
    try:
        spoken = speakable(text)
    except SpeechFailed:
        return
    assert all(sentence.strip() for sentence in model.phonemes(spoken))


class BrokenSession:
    """A runtime that has no memory left."""

    def run(self, outputs: None, inputs: object) -> None:
        """Break."""
        raise MemoryError


def test_a_broken_model_is_the_slots_error(
    model: HibariModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the kind of the error in its message."""
    monkeypatch.setattr(model._voice, "sess", BrokenSession())
    with pytest.raises(SpeechFailed, match="failed: MemoryError"):
        model.frames("hA", speed=1.0)


def test_importing_the_module_loads_nothing_heavy() -> None:
    """The voice's libraries are loaded by start(), not by an import."""
    code = (
        "import sys; import chat_backend.speech.hibari;"
        "print([m for m in ('onnxruntime', 'hibari') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
