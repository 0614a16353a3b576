"""docs/dependencies.md lists what is installed, and nothing of it under a strong copyleft."""

import re

import pytest

from tests.licences import DOCUMENT, Locked, acceptable, direct, licence, locked, rows

# Measuring only, and said so in the document: nothing of the show imports it.
GPL = {"praat-parselmouth": "**GPL-3.0-or-later**"}


@pytest.fixture(scope="module")
def text() -> str:
    return DOCUMENT.read_text("utf-8")


def test_every_locked_package_is_listed_with_its_version(text: str) -> None:
    """requirements.txt and the table name the same packages."""
    pinned = {package.name: package.version for package in locked()}
    assert len(pinned) > 50
    assert {name: version for name, (version, _) in rows(text).items()} == pinned


def test_requirements_follow_the_pins() -> None:
    """requirements.txt was compiled after the last change of pyproject.toml."""
    ours = {
        package.name: package.version
        for package in locked()
        if {"us", "us (dev)"} & set(package.needed_by)
    }
    assert ours == direct(extras=False)


@pytest.mark.parametrize("package", locked(), ids=lambda package: package.name)
def test_a_licence_is_known_and_acceptable(package: Locked, text: str) -> None:
    """No GPL, nothing unknown; the table says what the installed package says."""
    listed = rows(text)[package.name][1]
    assert acceptable(listed)
    assert licence(package.name) in {listed, None}


@pytest.mark.parametrize("name", direct())
def test_a_direct_dependency_has_its_reason(name: str, text: str) -> None:
    """Each has a row of its own: version, licence, what for, and what else was possible."""
    row = re.search(rf"^\| `{re.escape(name)}` \| (.+) \|$", text, re.MULTILINE)
    assert row is not None
    version, called, *reasons = row[1].split(" | ")
    assert version == direct()[name]
    assert len(reasons) >= 2
    assert called == GPL.get(name, called)
    assert ("GPL" in called.replace("LGPL", "")) == (name in GPL)


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("MIT", True),
        ("(MIT OR Apache-2.0) AND Zlib", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND AGPL-3.0-only", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_what_is_acceptable(expression: str, good: bool) -> None:
    """Every part of an expression must be."""
    assert acceptable(expression) is good
