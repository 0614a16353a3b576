"""https for pages that other machines open: a browser gives no microphone to plain http.

The certificate is the operator's; commands on this machine trust exactly that one.
"""

import ssl

from shared_schema.decoding import InvalidSetting
from shared_schema.runtime.process.exits import StartRefused
from shared_schema.settings import Settings
from shared_schema.small_files import require_regular


def own_certificate(settings: Settings) -> ssl.SSLContext | None:
    """Return the chat backend's certificate (with its chain) and key; None for plain http.

    Raises
    ------
    StartRefused
        If the files are no certificate and its key, both PEM.
    """
    cert, key = settings.chat_tls_cert, settings.chat_tls_key
    if cert is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        require_regular(cert)
        require_regular(key)
        context.load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartRefused(
            f"RR_CHAT_TLS_CERT={cert} and RR_CHAT_TLS_KEY={key} are no certificate"
            f" and its key without a password, in PEM ({reason})"
        ) from None
    return context


def trusted(settings: Settings) -> ssl.SSLContext | None:
    """Return how a command checks the chat backend's certificate: it is that file's, any name.

    Raises
    ------
    InvalidSetting
        If the file is no certificate.
    """
    if settings.chat_tls_cert is None:
        return None
    try:
        require_regular(settings.chat_tls_cert)
        context = ssl.create_default_context(cafile=settings.chat_tls_cert)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidSetting(
            f"RR_CHAT_TLS_CERT={settings.chat_tls_cert} is no certificate in PEM ({reason})"
        ) from None
    context.check_hostname = False
    return context
