"""A visitor of an installation whose chat is staged: what goes wrong in it is said beforehand."""

import asyncio
import json
from typing import Any

from tests.support.processes import System
from tests.support.visitor import Stream, post

MESSAGE = {"message": "Why does the tide come back to a harbour that nobody uses?"}


def stage(show: System, **directions: Any) -> None:
    """Say what the staged chat shall do from now on; nothing: what it always does."""
    (show.folder / "stage.json").write_text(json.dumps(directions), "utf-8")


async def visit(show: System, body: object = MESSAGE) -> Stream:
    """Return the stream of a session, read to its end."""
    return await asyncio.to_thread(post, show.chat_url, body)
