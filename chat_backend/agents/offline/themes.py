"""What visitors speak of, recognised by its words."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal

Theme = Literal["memory", "fear", "love", "loss", "time", "joy", "self", "work"]

# In order of precedence: a message on the fear of losing someone is on fear.
_WORDS: Final[Mapping[Theme, str]] = MappingProxyType(
    {
        "fear": (
            "afraid fear fears scared scary terrified anxious anxiety worried worry worries panic "
            "nervous dark danger drown drowning nightmare"
        ),
        "loss": (
            "lost lose losing loss died death dead dying grief miss missing gone goodbye funeral "
            "alone lonely loneliness broke broken divorce divorced sad sadness cry crying tears "
            "empty left"
        ),
        "love": (
            "love loved loves loving heart beloved marry married wife husband partner kiss friend "
            "friends mother father mom mum dad grandmother grandfather sister brother daughter son "
            "child children baby family boyfriend girlfriend"
        ),
        "memory": (
            "remember remembered remembers remembering memory memories forget forgot forgotten "
            "childhood past once yesterday young nostalgia"
        ),
        "joy": (
            "happy happiness joy glad laugh laughed laughing laughter smile fun play playing dance "
            "dancing sing singing celebrate birthday beautiful wonderful delight"
        ),
        "time": (
            "time hour hours minute minutes day days night tomorrow future forever years year old "
            "age wait waiting late soon clock now morning evening summer winter"
        ),
        "work": (
            "work working works job boss office busy tired exhausted sleep money deadline school "
            "exam study studying computer meeting rest"
        ),
    }
)
_THEME_OF: Final[Mapping[str, Theme]] = MappingProxyType(
    {word: theme for theme, words in reversed(tuple(_WORDS.items())) for word in words.split()}
)
_ORDER: Final = tuple(_WORDS)
# Questions to the installation itself; matched on the whole message, in lower case.
_ASKED_WHO: Final = (
    "who are you", "what are you", "your name", "are you real", "are you alive", "are you an ai",
    "are you human", "are you a robot", "are you conscious", "do you feel", "do you dream",
    "can you think", "do you think", "how are you",
)  # fmt: skip


def theme_of(message: str, words: Iterable[str]) -> Theme | None:
    """Return what a message is about, or None if no theme's words are in it."""
    lowered = " ".join(message.lower().split())
    if any(phrase in lowered for phrase in _ASKED_WHO):
        return "self"
    found = {_THEME_OF[word] for word in words if word in _THEME_OF}
    return next((theme for theme in _ORDER if theme in found), None)
