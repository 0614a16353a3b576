"""The personas at work: limits, quotations, targets, seeds, variety."""

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_backend.agents.base import (
    MAX_CHARS,
    MAX_SENTENCES,
    Agents,
    CommentQuestion,
    Exchange,
    Lengths,
    Remark,
    ReplyQuestion,
    ResponseQuestion,
)
from chat_backend.agents.limits import clip, sentences
from chat_backend.agents.offline import OfflineAgents
from chat_backend.errors import AgentFailed
from shared_schema.ids import AGENT_IDS, VOICE_PROFILES, AgentId, Kind
from tests.agents.questions import AGENT_OF, SEATED, Session, play

AGENTS: Agents = OfflineAgents()
MESSAGE = "I am afraid that the sea will forget my grandmother's name."
VISIT = Exchange(message="I lost a silver ring in the lake", answer="It is safe with us.")

messages = st.text(max_size=400) | st.sampled_from(
    [MESSAGE, "rain", "Hello!", "Who are you?", "🌊", "你好", "I'm Ada, I have 3 cats.", "a " * 200]
)
seeds = st.integers(0, 2**64 - 1)
agent_ids = st.sampled_from(AGENT_IDS)


def check_limits(text: str, kind: Kind) -> None:
    """A text is speakable and keeps its limits without being cut."""
    assert text.strip()
    assert len(text) <= MAX_CHARS[kind]
    assert 1 <= len(sentences(text)) <= MAX_SENTENCES[kind]
    assert clip(text, kind) == text
    assert not text.endswith("…")
    assert re.search(r"[A-Za-z]{2}", text)


def quotes_in(text: str) -> list[str]:
    """What stands in quotation marks."""
    return re.findall("“([^”]+)”", text)


def respond(agent: AgentId, seed: int, message: str, *history: Exchange) -> str:
    """One answer to a visitor."""
    question = ResponseQuestion(
        seed=seed, slot_id=1, agent_id=agent, message=message, history=history
    )
    return asyncio.run(AGENTS.of(agent).respond(question)).text


@settings(max_examples=60)
@given(message=messages, seed=seeds)
def test_a_whole_session_keeps_its_rules(message: str, seed: int) -> None:
    """Limits, exact quotations of a peer, targets among the others, known voices."""
    session = play(AGENTS, message, seed)
    for spoken in session.responses.values():
        check_limits(spoken.text, "response")
        assert all(quote in " ".join(message.split()) for quote in quotes_in(spoken.text))
    for slot, comment in session.comments.items():
        check_limits(comment.text, "comment")
        assert comment.target_slot_id in session.responses
        assert comment.target_slot_id != slot
        (quote,) = quotes_in(comment.text)
        assert quote in session.responses[comment.target_slot_id].text
        assert 2 <= len(quote.split()) <= 6
    for slot, reply in session.replies.items():
        check_limits(reply.text, "reply")
        heard = session.comments_on(slot)
        quotes = quotes_in(reply.text)
        assert len(quotes) == min(2, len(heard))
        assert all(any(quote in other.text for other in heard) for quote in quotes)
    spoken_all = [*session.responses.values(), *session.comments.values()]
    assert {spoken.voice_profile for spoken in spoken_all} <= set(VOICE_PROFILES)


@settings(max_examples=150)
@given(texts=st.lists(st.text(max_size=400), min_size=1, max_size=5), seed=seeds, agent=agent_ids)
def test_peers_may_say_anything(texts: list[str], seed: int, agent: AgentId) -> None:
    """Whatever another mind said: one sentence to it, an exact quotation or none."""
    others = tuple(
        Remark(slot_id=slot, agent_id=AGENT_OF[slot], text=text)
        for slot, text in enumerate(texts, start=2)
    )
    comment = asyncio.run(
        AGENTS.of(agent).comment(
            CommentQuestion(
                seed=seed, slot_id=1, agent_id=agent, message="m", own_text="x", others=others
            )
        )
    )
    check_limits(comment.text, "comment")
    said = {other.slot_id: other.text for other in others}
    assert all(quote in said[comment.target_slot_id] for quote in quotes_in(comment.text))
    reply = asyncio.run(
        AGENTS.of(agent).reply(
            ReplyQuestion(
                seed=seed, slot_id=1, agent_id=agent, message="m", own_text="x", comments=others
            )
        )
    )
    check_limits(reply.text, "reply")
    assert all(any(quote in text for text in texts) for quote in quotes_in(reply.text))


@given(message=messages, seed=seeds, agent=agent_ids)
def test_the_same_seed_says_the_same(message: str, seed: int, agent: AgentId) -> None:
    """Also in another instance."""
    question = ResponseQuestion(seed=seed, slot_id=2, agent_id=agent, message=message)
    first = asyncio.run(AGENTS.of(agent).respond(question))
    again = asyncio.run(OfflineAgents().of(agent).respond(question))
    assert first == again


def test_other_processes_say_the_same() -> None:
    """Whatever their hash seed is."""
    code = (
        "from tests.agents.questions import play;"
        "from chat_backend.agents.offline import OfflineAgents;"
        f"print(ascii(play(OfflineAgents(), {MESSAGE!r}, 7).texts()))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {ascii(play(AGENTS, MESSAGE, 7).texts())}


@pytest.mark.parametrize("agent", AGENT_IDS)
@pytest.mark.parametrize("message", [MESSAGE, "rain", "What does water remember?"])
def test_a_persona_rarely_says_the_same_again(agent: AgentId, message: str) -> None:
    """Of 200 seeds at least 150 answer differently."""
    assert len({respond(agent, seed, message) for seed in range(200)}) >= 150


def test_two_sessions_share_few_sentences() -> None:
    """One in ten at most, on average over pairs of seeds, for the same message."""

    def said(seed: int) -> set[str]:
        return {
            sentence for text in play(AGENTS, MESSAGE, seed).texts() for sentence in sentences(text)
        }

    shares = []
    for seed in range(0, 40, 2):
        one, other = said(seed), said(seed + 1)
        shares.append(len(one & other) / len(one))
    assert sum(shares) / len(shares) < 0.1
    assert max(shares) < 0.25


@pytest.mark.parametrize("agent", AGENT_IDS)
def test_an_answer_takes_up_what_was_said(agent: AgentId) -> None:
    """Its first sentence quotes the visitor, for every seed."""
    for seed in range(50):
        (first, *_) = sentences(respond(agent, seed, MESSAGE))
        assert quotes_in(first)


@pytest.mark.parametrize("agent", AGENT_IDS)
def test_a_name_is_used(agent: AgentId) -> None:
    """Mostly, and never as a quotation."""
    texts = [respond(agent, seed, "My name is Ada and I like cold rain.") for seed in range(50)]
    assert sum("Ada" in text for text in texts) > 30
    assert not any("Ada" in quote for text in texts for quote in quotes_in(text))


@pytest.mark.parametrize("agent", AGENT_IDS)
def test_an_earlier_visit_is_remembered_sometimes(agent: AgentId) -> None:
    """Not always, and never without one."""
    texts = [respond(agent, seed, MESSAGE, VISIT) for seed in range(100)]
    recalled = [text for text in texts if any(quote in VISIT.message for quote in quotes_in(text))]
    assert 10 < len(recalled) < 60
    assert not any("ring" in quote for quote in quotes_in(respond(agent, 1, MESSAGE)))


def sessions(count: int) -> list[Session]:
    """Sessions of the same message with different seeds."""
    return [play(AGENTS, MESSAGE, seed) for seed in range(count)]


def test_turn_1_is_spoken_in_different_voices() -> None:
    """Five different ones on average, never fewer than three."""
    kinds = [
        len({spoken.voice_profile for spoken in session.responses.values()})
        for session in sessions(40)
    ]
    assert sum(kinds) / len(kinds) >= 5.0
    assert min(kinds) >= 3


def test_comments_are_spread_over_all_others() -> None:
    """Nobody has a favourite that gets everything, and nobody is left out."""
    played = sessions(60)
    for slot, _ in SEATED:
        targets = Counter(session.comments[slot].target_slot_id for session in played)
        assert set(targets) == {other for other, _ in SEATED if other != slot}
        assert max(targets.values()) <= 36


def test_shared_words_draw_a_comment() -> None:
    """Who speaks of the same is answered more often."""
    others = (
        Remark(slot_id=2, agent_id="gpt-5.1", text="Copper lanterns drift under bridges."),
        Remark(slot_id=3, agent_id="gpt-5.2", text="A quiet sentence about paper."),
    )
    targets = Counter(
        asyncio.run(
            AGENTS.of("gpt-4o").comment(
                CommentQuestion(
                    seed=seed,
                    slot_id=5,
                    agent_id="gpt-4o",
                    message="m",
                    own_text="Copper lanterns under bridges drift home.",
                    others=others,
                )
            )
        ).target_slot_id
        for seed in range(100)
    )
    assert targets[2] > 50


def test_nobody_to_comment_on_is_an_error() -> None:
    """The workflow never asks that; if it does, it hears of it."""
    with pytest.raises(AgentFailed):
        asyncio.run(
            AGENTS.of("gpt-4o").comment(
                CommentQuestion(
                    seed=1, slot_id=1, agent_id="gpt-4o", message="m", own_text="x", others=()
                )
            )
        )


@pytest.mark.parametrize("agent", AGENT_IDS)
def test_every_agent_is_described(agent: AgentId) -> None:
    """In a few words."""
    assert 10 < len(AGENTS.describe(agent)) < 60


def play_with(lengths: Lengths, seed: int) -> Session:
    """A session of personas that keep to these lengths."""
    return play(OfflineAgents(lengths=lengths), MESSAGE, seed)


@pytest.mark.parametrize(
    "lengths",
    [
        Lengths(response=150, comment=120, reply=100),
        Lengths(response=80, comment=80, reply=80),
        Lengths(response=1000, comment=1000, reply=1000),
    ],
)
def test_personas_keep_to_the_lengths_of_a_show(lengths: Lengths) -> None:
    """By a sentence that fits: nothing is cut, and everybody is still quoted."""
    for seed in range(20):
        session = play_with(lengths, seed)
        texts = [
            *((lengths.response, spoken.text) for spoken in session.responses.values()),
            *((lengths.comment, spoken.text) for spoken in session.comments.values()),
            *((lengths.reply, spoken.text) for spoken in session.replies.values()),
        ]
        for limit, text in texts:
            assert len(text) <= limit
            assert not text.endswith("…")
        for comment in session.comments.values():
            (quote,) = quotes_in(comment.text)
            assert quote in session.responses[comment.target_slot_id].text


def test_what_cannot_fit_is_cut_at_a_word() -> None:
    """The last resort, for a show that asks for hardly anything."""
    for text in play_with(Lengths(response=20, comment=20, reply=20), 1).texts():
        assert len(text) <= 20
        assert text.endswith(("…", ".", "!", "?"))
