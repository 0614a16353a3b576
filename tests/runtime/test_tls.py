"""What is no certificate: named in one line, by the server and by the commands."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared_schema.decoding import InvalidSetting
from shared_schema.runtime.process.exits import StartRefused
from shared_schema.runtime.web.tls import own_certificate, trusted
from shared_schema.settings import Settings
from tests.support.platforms import PIPES


@PIPES
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("put", "told"),
    [
        (os.mkfifo, "is a pipe"),
        (Path.mkdir, "is a folder"),
        (Path.touch, "is no certificate"),
        (lambda _: None, "No such file"),
    ],
)
def test_what_is_no_certificate_is_one_line(
    put: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    """A pipe is not waited for, neither by the start nor by a command."""
    path = tmp_path / "cert.pem"
    put(path)
    settings = Settings(chat_tls_cert=path, chat_tls_key=path)
    with pytest.raises(StartRefused, match="RR_CHAT_TLS_CERT=") as refused:
        own_certificate(settings)
    with pytest.raises(InvalidSetting, match="RR_CHAT_TLS_CERT=") as invalid:
        trusted(settings)
    if told != "is no certificate":
        assert told in str(refused.value)
        assert told in str(invalid.value)
