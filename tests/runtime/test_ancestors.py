"""Which shell a supervisor on Windows ends with."""

from shared_schema.runtime.process.ancestors import nearest_shell

HONCHO = {
    1: (0, "explorer.exe"),
    2: (1, "cmd.exe"),
    3: (2, "python.exe"),
    4: (3, "cmd.exe"),
    5: (4, "python.exe"),
    6: (5, "python.exe"),
}


def test_the_nearest_shell_above_the_launcher_is_honchos() -> None:
    assert nearest_shell(6, HONCHO) == 4


def test_without_a_shell_above_there_is_none() -> None:
    assert nearest_shell(6, {**HONCHO, 4: (3, "powershell.exe"), 2: (1, "bash.exe")}) is None


def test_a_parent_that_has_ended_and_a_ring_are_no_shell() -> None:
    assert nearest_shell(9, {9: (8, "python.exe")}) is None
    assert nearest_shell(1, {1: (2, "python.exe"), 2: (1, "python.exe")}) is None
