"""Whatever the gateway sends in whatever order: the kit plays one session at a time, to silence."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.touchdesigner.stage import Stage, touchdesigner
from tests.touchdesigner.telling import (
    ACK,
    dialogue,
    heard,
    sentiment,
    stopped,
    summary,
    tell,
    turn1,
    with_moods,
)

_ACTIONS = st.one_of(
    st.tuples(st.just("turn1"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("dialogue"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("summary"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("mood"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("stop"), st.integers(0, 3), st.just(False)),
    st.tuples(st.just("hush"), st.integers(0, 1), st.just(False)),
    st.tuples(st.just("wait"), st.integers(0, 4000), st.just(False)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_ACTIONS, max_size=25), st.sampled_from(["mix", "waves"]))
def test_whatever_comes_one_session_plays_at_a_time(
    tmp_path_factory: pytest.TempPathFactory, actions: list[Any], sound: str
) -> None:
    """Every start has its end, and all is silent in the end; the stage watches for clicks."""
    folder = tmp_path_factory.getbasetemp() / "whatever"
    folder.mkdir(exist_ok=True)
    with touchdesigner() as stage:
        stage.build()
        stage.home.par.Sound = sound
        with_moods(stage, folder)
        tell(stage, ACK)
        for seq, action in enumerate(actions, start=1):
            act(stage, folder, seq, action)
        stage.advance(120_000)
        told = [json.loads(text) for text in stage.socket.sent]
        playing: Counter[str] = Counter()
        for each in told:
            playing[each["sessionId"]] += {"started": 1, "ended": -1, "failed": 0}[each["state"]]
            assert sum(count > 0 for count in playing.values()) <= 1
            assert min(playing.values()) >= 0
        assert not any(playing.values())
        assert heard(stage) == set()


def act(stage: Stage, folder: Path, seq: int, action: Any) -> None:
    """Let one thing happen."""
    what, number, rehearsal = action
    session = f"00000000-0000-4000-8000-{number:012}"
    if what == "wait":
        stage.advance(number)
        return
    if what == "hush":
        tell(stage, {"type": "hush", "on": bool(number)})
        return
    if what == "stop":
        tell(stage, stopped(session))
        return
    event = {
        "turn1": lambda: turn1(folder, session),
        "dialogue": lambda: dialogue(folder, session=session),
        "summary": lambda: summary(folder, session),
        "mood": lambda: sentiment(session=session),
    }[what]()
    event["seq"] = seq
    if rehearsal:
        event["payload"]["rehearsal"] = True
    tell(stage, event)
