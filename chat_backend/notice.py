"""What the kiosk tells visitors before they speak: who receives their words, and for how long.

It is made from the configuration, so that it stays true when a key or a setting changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from shared_schema.runtime.web.hosts import is_local
from shared_schema.settings import Settings

HERE: Final = "this machine"
# What providers are called among people, and the domain of their own servers.
_MAKERS: Final = {
    "anthropic": ("Anthropic", "anthropic.com"),
    "openai": ("OpenAI", "openai.com"),
    "google": ("Google", "googleapis.com"),
    "elevenlabs": ("ElevenLabs", "elevenlabs.io"),
}
_EMBEDDED: Final = frozenset({"offline", "hibari", "whisper"})


class Notice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table ``notice`` of a show's ``words.toml``.

    Attributes
    ----------
    text : str
        The venue's own sentences, before those that are made here; may be empty.
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
        The venue's sentences.
    settings
        For servers of one's own, and how long things are kept.
    agents, speech, hearing
        The names of the providers of models, of the voice, and of what hears (None: nothing).
    """
    models = {
        "anthropic": settings.anthropic_url,
        "openai": settings.openai_url,
        "google": settings.google_url,
        "llm": settings.llm_url,
    }
    ears = {"elevenlabs": settings.elevenlabs_url, "openai": settings.stt_openai_url}
    voices = {"elevenlabs": settings.elevenlabs_url, "openai": settings.tts_openai_url}
    heard = _receiver(hearing, ears) if hearing else ""
    answered = {_receiver(each, models) for each in agents}
    spoken = _receiver(speech, voices)
    if {heard or HERE, spoken, *answered} == {HERE}:
        receivers = "What you say stays on this machine."
    else:
        parts = (heard and f"heard by {heard}", f"answered by {_listed(sorted(answered))}")
        receivers = f"What you say is {_listed([*filter(None, parts), f'spoken by {spoken}'])}."
    sentences = [own.strip(), receivers]
    days = (settings.artifacts_keep_days, settings.events_retention_days)
    how_long = f"for {max(days):g} days" if all(days) else "until the venue deletes them"
    sentences.append(f"Words and sound are kept {how_long}.")
    if heard:
        is_kept = "kept as long" if settings.stt_keep else "not kept"
        sentences.append(f"The recording of your voice is {is_kept}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _receiver(provider: str, urls: Mapping[str, str]) -> str:
    """Return who receives what is sent to a provider, whose server may be one's own."""
    if provider in _EMBEDDED:
        return HERE
    name, domain = _MAKERS.get(provider, (f"a server called {provider}", ""))
    url = urls.get(provider, "")
    host = urlsplit(url).hostname or url
    if not host or f".{host}".endswith(f".{domain}"):
        return name
    return HERE if is_local(host) else host


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
