"""One loaded model for all tests of the voice; loading takes a second."""

import pytest

from chat_backend.speech.hibari import HibariModel


@pytest.fixture(scope="session")
def model() -> HibariModel:
    """The embedded model, loaded once."""
    return HibariModel()
