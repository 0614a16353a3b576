"""Six minds that need no network: personas, a small grammar, and an ear for what was said."""

from chat_backend.agents.offline.agent import OfflineAgent, OfflineAgents

__all__ = ["OfflineAgent", "OfflineAgents"]
