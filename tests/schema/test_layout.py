"""File names are the contract's, and no path leads out of the artifacts folder."""

import contextlib
from pathlib import Path

import pytest

from shared_schema import layout
from shared_schema.decoding import OutsideArtifacts
from shared_schema.layout import (
    Artifacts,
    files_below,
    is_link,
    moved_into_place,
    resolved,
    speech_path,
    wave_path,
)
from tests.support.platforms import make_junction, make_link, windows


def test_names_are_the_contracts() -> None:
    """One name per turn, and its four waves beside each other."""
    assert (
        speech_path("s", 1, 3, "gpt-4o", "calm_soothing")
        == "tts/sessions/s/turn_1/slot-3_gpt-4o_calm_soothing.wav"
    )
    comment = speech_path("s", 2, 3, "gpt-4o", "calm_soothing", target_slot_id=5)
    assert comment == "tts/sessions/s/turn_2/slot-3_comment_to_slot-5_gpt-4o_calm_soothing.wav"
    reply = speech_path("s", 3, 5, "gpt-5.1", "calm_soothing")
    assert reply == "tts/sessions/s/turn_3/slot-5_reply_gpt-5.1_calm_soothing.wav"
    assert (
        wave_path(reply, "wave_mix")
        == "waves/sessions/s/turn_3/slot-5_reply_gpt-5.1_calm_soothing_v3_wave_mix.wav"
    )
    with pytest.raises(ValueError, match="target_slot_id"):
        speech_path("s", 2, 3, "gpt-4o", "calm_soothing")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a\x00b", "link/x"])
def test_nothing_outside_is_reached(tmp_path: Path, path: str) -> None:
    """Not by steps up, not absolutely, and not through a link."""
    (tmp_path / "artifacts").mkdir()
    if path.startswith("link"):
        make_link(tmp_path / "artifacts" / "link", tmp_path)
    with pytest.raises(OutsideArtifacts):
        Artifacts(tmp_path / "artifacts").path(path)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """An error while writing leaves neither the name nor what was written."""
    target = tmp_path / "deep" / "x.wav"

    def fail_half_way() -> None:
        with moved_into_place(target) as partial:
            partial.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert list(target.parent.iterdir()) == []
    with moved_into_place(target) as partial:
        partial.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_link_in_the_place_of_the_partial_file_is_not_followed(tmp_path: Path) -> None:
    """Its name can be guessed."""
    target, theirs = tmp_path / "x.wav", tmp_path / "theirs"
    theirs.write_bytes(b"theirs")
    with moved_into_place(target) as partial:
        partial.write_bytes(b"first")
    make_link(partial, theirs)
    with moved_into_place(target) as again:
        assert again == partial
        again.write_bytes(b"second")
    assert target.read_bytes() == b"second"
    assert theirs.read_bytes() == b"theirs"
    assert not target.is_symlink()


@pytest.mark.parametrize("held", [3, 1_000_000])
def test_on_windows_a_name_that_is_held_is_tried_again(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scanner lets go after a moment; what is held for longer is an error, and leaves nothing."""
    tries = 0
    replace = Path.replace

    def refuse_at_first(source: Path, target: Path) -> Path:
        nonlocal tries
        tries += 1
        if tries <= held:
            raise PermissionError(5, "Access is denied")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", refuse_at_first)
    monkeypatch.setattr(layout, "HELD_TIMEOUT_S", 0.2)
    expected = contextlib.nullcontext() if held < 10 else pytest.raises(PermissionError)
    with expected, moved_into_place(tmp_path / "x") as partial:
        partial.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == (["x"] if held < 10 else [])


@pytest.mark.parametrize(
    ("extended", "plain"),
    [
        (r"\\?\C:\art\tts\a.wav", r"C:\art\tts\a.wav"),
        (r"\\?\UNC\stage\art\tts\a.wav", r"\\stage\art\tts\a.wav"),
        ("/art/tts/a.wav", "/art/tts/a.wav"),
    ],
)
def test_a_folder_that_is_made_meanwhile_adds_no_prefix(
    extended: str, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six voices of a turn write into one folder, which Windows' Python may see half made."""
    monkeypatch.setattr(Path, "resolve", lambda _: Path(extended))
    assert resolved(Path("a.wav")) == Path(plain)


@windows("junctions")
def test_a_junction_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may make one there, unlike a link."""
    there, junction = tmp_path / "there", tmp_path / "junction"
    there.mkdir()
    make_junction(junction, there, monkeypatch)
    (junction / "file").touch()
    assert is_link(junction)
    assert not is_link(there)
    assert list(files_below(junction)) == []
    assert junction in (below := list(files_below(tmp_path)))
    assert junction / "file" not in below
