"""The locked packages and their licences, as docs/dependencies.md lists them.

`python -m tests.licences` writes the table anew, from what is installed.
"""

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "dependencies.md"
BEGIN: Final = "<!-- begin: python -m tests.licences -->"
END: Final = "<!-- end -->"

PERMISSIVE: Final = frozenset(
    {"0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"}
    | {"PSF-2.0", "Zlib"}
)
# Used as it is, through its own interface: it asks nothing of our code.
WEAK_COPYLEFT: Final = frozenset({"LGPL-2.1-or-later", "LGPL-3.0-or-later", "MPL-2.0"})

# How packages call their licence that do not use its SPDX name.
_SPDX: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Where the metadata says nothing, or too little: read in the package itself.
_READ: Final = {
    "kosoku": "MIT",
    "pebble": "LGPL-3.0-or-later",
    "scipy": "BSD-3-Clause",
}
_PIN: Final = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)")


class Locked(Struct, frozen=True):
    """A package of requirements.txt, and whose requirement it is."""

    name: str
    version: str
    needed_by: tuple[str, ...]


def locked() -> list[Locked]:
    """Return what requirements.txt pins."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    found = []
    for block in re.split(r"^(?=\w)", text, flags=re.MULTILINE):
        pin = _PIN.match(block)
        if pin:
            via = re.findall(r"^ +# (?:via | +)(\S.*)$", block, re.MULTILINE)
            found.append(Locked(pin[1], pin[2], tuple(_reason(each) for each in via)))
    return found


def direct(*, extras: bool = True) -> dict[str, str]:
    """Return the version that pyproject.toml pins of each package it names.

    Without `extras`: of those that requirements.txt is made from.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    if extras:
        groups = [project["project"]["optional-dependencies"], project["dependency-groups"]]
        named += [each for group in groups for pins in group.values() for each in pins]
    pins = [_PIN.match(each) for each in named]
    return {pin[1]: pin[2] for pin in pins if pin}


def licence(name: str) -> str | None:
    """Return the SPDX expression of an installed package; None if it is not installed.

    Raises
    ------
    ValueError
        If the package does not say what its licence is.
    """
    if name in _READ:
        return _READ[name]
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    said: list[str] = [
        *metadata.get_all("License-Expression", []),
        *metadata.get_all("License", []),
        *[
            each.rpartition(" :: ")[2]
            for each in metadata.get_all("Classifier", [])
            if each.startswith("License :: OSI Approved :: ")
        ],
    ]
    for each in said:
        expression = _SPDX.get(each, each)
        if acceptable(expression):
            return expression
    raise ValueError(f"{name} says of its licence only {said}")


def acceptable(expression: str) -> bool:
    """Return whether each licence of an SPDX expression is one that we may depend on."""
    parts = re.split(r" (?:AND|OR) ", expression.replace("(", "").replace(")", ""))
    return all(part in PERMISSIVE | WEAK_COPYLEFT for part in parts)


def rows(text: str) -> dict[str, tuple[str, str]]:
    """Return version and licence of each package in the table of the document."""
    table = text.partition(BEGIN)[2].partition(END)[0]
    found = re.findall(r"^\| ([\w.-]+) \| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)
    return {name: (version, called) for name, version, called in found if name != "package"}


def table(text: str) -> str:
    """Return the table made anew; what this platform does not install keeps its licence."""
    before = rows(text)
    lines = ["| package | version | licence | needed by |", "|---|---|---|---|"]
    for each in locked():
        called = licence(each.name) or before.get(each.name, ("", "unknown"))[1]
        needed = ", ".join(each.needed_by)
        lines.append(f"| {each.name} | {each.version} | {called} | {needed} |")
    return "\n".join(lines)


def _reason(via: str) -> str:
    ours = re.fullmatch(r"reflective-resonance \(pyproject.toml(?::(\w+))?\)", via)
    if ours is None:
        return via
    return f"us ({ours[1]})" if ours[1] else "us"


if __name__ == "__main__":
    written = DOCUMENT.read_text("utf-8")
    head, _, rest = written.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n{table(written)}\n{END}{tail}", "utf-8")
