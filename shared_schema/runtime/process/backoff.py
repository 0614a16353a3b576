"""How long to wait before a server that ended is started again."""

from typing import Final

LONG_LIFE_S: Final = 1.0
FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 5.0


class BackOff:
    """The wait before the next start; it grows only while the server fails by itself at once.

    * It had lived for `LONG_LIFE_S`: no wait, and the next short life is the first again.
    * It was killed (SIGKILL says nothing about its health): `FIRST_WAIT_S`, however often, so that
      a gateway killed ten times in a row is back within 2 s each time.
    * Otherwise `FIRST_WAIT_S`, doubling with every further short life up to `LONGEST_WAIT_S`.
    """

    def __init__(self) -> None:
        self._next_wait_s = FIRST_WAIT_S

    def after(self, lived_s: float, *, killed: bool = False) -> float:
        """Return the seconds to wait after a server that lived for `lived_s` seconds."""
        if lived_s >= LONG_LIFE_S:
            self._next_wait_s = FIRST_WAIT_S
            return 0.0
        if killed:
            return FIRST_WAIT_S
        wait_s = self._next_wait_s
        self._next_wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        return wait_s
