"""Six personas, one module each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chat_backend.agents.offline.persona import Persona
from chat_backend.agents.offline.personas.ferry import FERRY
from chat_backend.agents.offline.personas.pilot import PILOT
from chat_backend.agents.offline.personas.puddle import PUDDLE
from chat_backend.agents.offline.personas.rapids import RAPIDS
from chat_backend.agents.offline.personas.tap import TAP
from chat_backend.agents.offline.personas.well import WELL
from shared_schema.ids import AgentId

PERSONAS: Final[Mapping[AgentId, Persona]] = MappingProxyType(
    {
        "claude-sonnet-4-5": FERRY,
        "claude-opus-4-5": WELL,
        "gpt-5.2": RAPIDS,
        "gpt-5.1": PILOT,
        "gpt-4o": TAP,
        "gemini-3": PUDDLE,
    }
)
