"""Which modules Python files import."""

import ast
from collections.abc import Iterable
from pathlib import Path


def imported(nodes: Iterable[ast.AST]) -> set[str]:
    """Return the modules that these nodes import."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            names.add(node.module or "")
    return names


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, at its top or inside."""
    return imported(ast.walk(ast.parse(path.read_text("utf-8"))))
