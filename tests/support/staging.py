"""A visitor of an installation whose chat is staged: what goes wrong in it is said beforehand."""

import asyncio
import json
from typing import Any

from tests.support.processes import Process, System
from tests.support.visitor import Stream, post

MESSAGE = {"message": "Why does the tide come back to a harbour that nobody uses?"}


def stage(show: System, **directions: Any) -> None:
    """Say what the staged chat shall do from now on.

    Of each utterance a few words are spoken: whole ones take most of the time of a session.
    """
    staged = {"words": 4, **directions}
    (show.folder / "stage.json").write_text(json.dumps(staged), "utf-8")


def brief_chat(show: System) -> Process:
    """Start a chat backend that speaks a few words of each utterance, with one wave worker."""
    stage(show)
    show.settings.setdefault("RR_WAVES_MAX_WORKERS", "1")
    return show.chat("-m", "tests.support.staged_chat")


async def visit(show: System, body: object = MESSAGE) -> Stream:
    """Return the stream of a session, read to its end."""
    return await asyncio.to_thread(post, show.chat_url, body)
