"""How the tests call the servers of this machine with httpx."""

import ssl
from typing import Any, Final

# No proxy; and none of the certificates, which each client would read in 30 ms of the processor.
LOCAL: Final[dict[str, Any]] = {
    "trust_env": False,
    "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
}
