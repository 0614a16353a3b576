"""Servers that speak the providers' protocols, and what it takes to ask them."""

from collections.abc import Iterator

import pytest

from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from tests.providers.odd import Odd, Reply, odd_server
from tests.providers.wire import Wire, serving

# Marked, so that a test can look for them everywhere.
SECRETS = {
    "ANTHROPIC_API_KEY": "sk-ant-MARKED-anthropic-0123456789",
    "OPENAI_API_KEY": "sk-MARKED-openai-0123456789",
    "GOOGLE_API_KEY": "AIza-MARKED-google-0123456789",
    "ELEVENLABS_API_KEY": "el-MARKED-elevenlabs-0123456789",
    "LLM_API_KEY": "llm-MARKED-own-0123456789",
    "TTS_API_KEY": "tts-MARKED-own-0123456789",
}


@pytest.fixture(scope="module")
def servers() -> Iterator[Wire]:
    """One set of servers for a module's tests."""
    with serving() as wire:
        yield wire


@pytest.fixture
def wire(servers: Wire) -> Wire:
    """The servers, with nothing scripted and nothing received."""
    servers.received.clear()
    servers.acts.clear()
    servers.most_at_once.clear()
    return servers


@pytest.fixture(scope="module")
def odd_servers() -> Iterator[Odd]:
    """One odd server for a module's tests."""
    with odd_server() as odd:
        yield odd


@pytest.fixture
def odd(odd_servers: Odd) -> Odd:
    """The odd server, with nothing received."""
    odd_servers.received.clear()
    odd_servers.always(Reply(status=404))
    return odd_servers


@pytest.fixture
def keys() -> Keys:
    """All keys."""
    return Keys(SECRETS)


@pytest.fixture
def quick() -> CallLimits:
    """Limits as in a show, but nobody has to wait for them."""
    return CallLimits(call_s=5.0, first_pause_s=0.01, longest_pause_s=0.02, jitter_s=0.01)
