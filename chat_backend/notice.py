"""What the kiosk tells visitors before they speak: who receives their words, and for how long.

It is made from the configuration, so that it stays true when a key or a setting changes.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from shared_schema.runtime.web.hosts import is_local
from shared_schema.settings import Settings

HERE: Final = "this machine"
# What providers are called among people.
_NAMES: Final = {
    "anthropic": "Anthropic", "openai": "OpenAI", "google": "Google", "elevenlabs": "ElevenLabs",
}  # fmt: skip
_EMBEDDED: Final = frozenset({"offline", "hibari", "whisper"})


class Notice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table ``notice`` of a show's ``words.toml``.

    Attributes
    ----------
    text : str
        The house's own sentences, before those that are made here; may be empty.
    consent : bool
        Whether a visitor must agree before a question is taken.
    """

    text: str = ""
    consent: bool = False


def notice(
    own: str, settings: Settings, *, agents: Iterable[str], speech: str, hearing: str | None
) -> str:
    """Return the whole notice.

    Parameters
    ----------
    own
        The house's sentences.
    settings
        For servers of one's own, and how long things are kept.
    agents, speech, hearing
        The names of the providers of models, of the voice, and of what hears (None: nothing).
    """
    heard = _receiver(hearing, settings.stt_openai_url) if hearing else ""
    answered = {_receiver(each, settings.llm_url if each == "llm" else "") for each in agents}
    spoken = _receiver(speech, settings.tts_openai_url)
    if {heard or HERE, spoken, *answered} == {HERE}:
        receivers = "What you say stays on this machine."
    else:
        parts = (heard and f"heard by {heard}", f"answered by {_listed(sorted(answered))}")
        receivers = f"What you say is {_listed([*filter(None, parts), f'spoken by {spoken}'])}."
    sentences = [own.strip(), receivers]
    days = (settings.artifacts_keep_days, settings.events_retention_days)
    how_long = f"for {max(days):g} days" if all(days) else "until the house deletes them"
    sentences.append(f"Words and sound are kept {how_long}.")
    if heard:
        is_kept = "kept as long" if settings.stt_keep else "not kept"
        sentences.append(f"The recording of your voice is {is_kept}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _receiver(provider: str, url: str) -> str:
    """Return who receives what is sent to a provider, whose server may be one's own."""
    if provider in _EMBEDDED:
        return HERE
    if url:
        host = urlsplit(url).hostname or url
        return HERE if is_local(host) else host
    return _NAMES.get(provider, f"a server called {provider}")


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
