"""A plugin for pytest: what is not run under Wine, and why."""

import sys

import pytest

if sys.platform == "win32":
    import _winapi

    # Wine 8 lacks it, and the process would end; without it, shutil copies in another way.
    del _winapi.CopyFile2

# The beginning of test ids, and the reason.
REASONS = {
    "tests/gateway/test_description.py::test_the_page_is_up_to_date": (
        "the paths in the page's examples are those of POSIX"
    ),
    "tests/system/test_show.py::test_the_event_loop_is_not_blocked": (
        "Wine adds its own work to processor time: the longest step, of a first question, takes"
        " 26 ms on Linux, and 90 ms here"
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what Wine cannot run."""
    for item in items:
        for beginning, reason in REASONS.items():
            if item.nodeid.startswith(beginning):
                item.add_marker(pytest.mark.skip(reason=reason))
