"""The table of `say`: what a stream is shown as on a terminal."""

from rich.console import Console

from chat_backend.commands.say import Board
from shared_schema.chat import SlotAudio, SlotDone


def test_speech_may_come_before_its_text() -> None:
    """Of a server that is not ours; the text then takes the place."""
    slot = {"session_id": "s", "turn_index": 1, "kind": "response", "slot_id": 1}
    spoken = {"agent_id": "gpt-4o", "voice_profile": "friendly"}
    board = Board()
    board.add(SlotAudio(**slot, **spoken, audio_path="a.wav", audio_format="wav"))  # type: ignore[arg-type]
    assert [*board.table().columns[1].cells] == ["[blue]~[/] "]
    board.add(SlotDone(**slot, **spoken, text="Here."))  # type: ignore[arg-type]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(board.table())
    assert "Here." in captured.get()
