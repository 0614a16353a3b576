"""The errors of the shared language."""


class SchemaError(Exception):
    """Base of what can go wrong with data that entered a process."""


class InvalidMessage(SchemaError):
    """Bytes or JSON from outside that do not fit their type.

    Attributes
    ----------
    field : str
        Where the trouble is, e.g. ``slots[0].slotId``; empty for the whole document.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class WrongProtocol(InvalidMessage):
    """A bus message of another protocol version than ours.

    Attributes
    ----------
    theirs, ours : int
        The two versions.
    """

    def __init__(self, theirs: int, ours: int) -> None:
        super().__init__(f"uses protocol {theirs}, this process {ours}", field="protocol")
        self.theirs = theirs
        self.ours = ours


class OutsideArtifacts(SchemaError):
    """A path that leads out of the artifacts folder."""


class InvalidSetting(SchemaError):
    """An ``RR_`` variable that is unknown or whose value does not parse."""
