"""How refusals become a line and a code."""

import pytest

from shared_schema.decoding import InvalidSetting
from shared_schema.runtime.process.exits import (
    ANOTHER_INSTANCE,
    CONFIGURATION,
    FINAL,
    OK,
    StartRefused,
    exit_code_of,
)


def refuse(error: Exception) -> int:
    raise error


def test_what_runs_well_keeps_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(lambda: OK, name="toy") == OK
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidSetting("RR_X is\nnot a setting"), CONFIGURATION),
        (StartRefused("RR_X is not a setting"), CONFIGURATION),
        (StartRefused("RR_X is not a setting", ANOTHER_INSTANCE), ANOTHER_INSTANCE),
    ],
)
def test_a_refusal_is_one_line_and_final(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(lambda: refuse(error), name="toy") == code
    assert capsys.readouterr() == ("", "toy: RR_X is not a setting\n")
    assert code in FINAL


def test_what_is_not_a_refusal_goes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code_of(lambda: refuse(ZeroDivisionError()), name="toy")
