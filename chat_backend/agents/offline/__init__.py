"""Six agents that need no network: personas that take up what was said."""

from chat_backend.agents.offline.agent import OfflineAgent, OfflineAgents
from chat_backend.agents.offline.persona import Persona, built_in_personas, load_personas

__all__ = ["OfflineAgent", "OfflineAgents", "Persona", "built_in_personas", "load_personas"]
