"""How large the code is: lines of code, modules, rooms, and circles of imports.

A line of code is a line with a token of Python that is no comment and no docstring.
"""

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.report import median, table

PACKAGES: Final = ("shared_schema", "waves", "event_gateway", "chat_backend")
# Literature, not code.
LEFT_OUT: Final = "personas"
_NO_CODE: Final = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """Return the number of lines of code in a module."""
    lines: set[int] = set()
    for token in tokenize.tokenize(io.BytesIO(source.encode()).readline):
        if token.type not in _NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def circles(imports: dict[str, set[str]]) -> list[str]:
    """Return the modules that lie on a circle of imports."""
    found: list[str] = []
    for module, used in imports.items():
        reached: set[str] = set()
        ahead = list(used)
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += imports.get(name, ())
        if module in reached:
            found.append(module)
    return found


def modules_of(root: Path) -> dict[str, str]:
    """Return each module's source by its dotted name, without `LEFT_OUT`."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_text("utf-8")
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
        if LEFT_OUT not in path.relative_to(root).parts
    }


def imports_of(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return which of these modules each of them imports as it is loaded."""
    known = {name.removesuffix(".__init__"): name for name in sources}
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        used = found.setdefault(name, set())
        for node in ast.parse(source).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    target = f"{node.module}.{alias.name}"
                    used |= {known[each] for each in (target, node.module) if each in known}
            elif isinstance(node, ast.Import):
                used |= {known[alias.name] for alias in node.names if alias.name in known}
    return found


def run(root: Path) -> int:
    """Print the figures; return how many rules are broken."""
    sources = modules_of(root)
    rows: list[tuple[object, ...]] = []
    for package in PACKAGES:
        own = {name: text for name, text in sources.items() if name.split(".")[0] == package}
        rooms = [len(text.splitlines()) for name, text in own.items() if not _is_door(name)]
        rows.append(
            (package, sum(map(code_lines, own.values())), len(rooms), median(rooms), max(rooms))
        )
    every = [len(text.splitlines()) for name, text in sources.items() if not _is_door(name)]
    total = sum(map(code_lines, sources.values()))
    rows.append(("all", total, len(every), median(every), max(every)))
    print(table(("package", "lines of code", "modules", "median length", "longest"), rows))
    folders = Counter(name.rpartition(".")[0] for name in sources if not _is_door(name))
    crowded = {folder: count for folder, count in folders.items() if count > 14}
    on_circles = circles(imports_of(sources))
    print(f"\nfolders beyond 14 modules: {crowded or 'none'}")
    print(f"modules on a circle of imports: {on_circles or 'none'}")
    return len(crowded) + len(on_circles)


def _is_door(name: str) -> bool:
    return name.endswith((".__init__", ".__main__"))
