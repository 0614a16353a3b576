"""The errors of this package."""


class GatewayError(Exception):
    """Base of this package's errors."""


class AnotherGateway(GatewayError):
    """A running gateway already uses the outbox, the bus address or the port."""


class OutboxUnavailable(GatewayError):
    """The outbox cannot be used now (disk full, folder gone); due events wait until it can."""
