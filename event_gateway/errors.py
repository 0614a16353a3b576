"""The errors of this package."""


class GatewayError(Exception):
    """Base of this package's errors."""


class AnotherGateway(GatewayError):
    """The outbox, the bus address or the port belongs to a gateway that runs already."""


class OutboxUnavailable(GatewayError):
    """The outbox can't be written now (disk full, folder gone); what is due waits until it can."""
