"""A process that speaks all texts once for each line on its stdin, and prints what that took.

It runs in this checkout and, with that on its path, in the one of `benchmarks.before`, so it uses
only what both have.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from chat_backend.speech.hibari import HibariModel, synthesize
from shared_schema.ids import VOICE_PROFILES

TEXTS = (
    "Perhaps the moon is only tired of being looked at.",
    "I would rather be a river than a lake, because a river is always about to leave. Nobody asks "
    "it where it is going.",
    "You said water remembers, and I believe the river keeps every name it was given. Two people "
    "can look at the same pond and see different skies.",
)


def main() -> None:
    """Answer each line with the seconds of a processor and of speech."""
    model = HibariModel()
    alone = 0.0

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal alone
            began = time.thread_time()
            result = step(*arguments, **named)
            alone += time.thread_time() - began
            return result

        return call

    for name in ("frames", "signal"):
        setattr(model, name, counted(getattr(model, name)))
    for _ in sys.stdin:
        alone = samples = 0.0
        began = time.thread_time()
        for profile in VOICE_PROFILES:
            for text in TEXTS:
                samples += synthesize(model, text, profile).size
        whole = time.thread_time() - began
        sys.stdout.write(
            json.dumps({"whole_s": whole, "alone_s": alone, "speech_s": samples / 24_000}) + "\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
