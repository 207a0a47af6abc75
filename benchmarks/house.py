"""Size metrics of the code: lines, public names, import closures.

Usage: python benchmarks/house.py

All metrics come from parsing ``src`` of this checkout; nothing is imported.
"""

from __future__ import annotations

import ast
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import le, lt
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
RESULTS = ROOT / "benchmarks" / "results" / "house.json"
TEXTS = {".toml", ".html", ".css", ".js", ".json", ".md", ".txt", ".yaml"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
JOBS = ("guanxi.jobs.train", "guanxi.jobs.predict")
BG_NBD = ("guanxi.models.purchase_models",)


@dataclass(frozen=True)
class Figure:
    """A metric, and its bar, if any."""

    name: str
    value: float
    bar: float | None = None
    below: bool = False  # the value must be strictly below the bar

    @property
    def reached(self) -> bool | None:
        return None if self.bar is None else (lt if self.below else le)(self.value, self.bar)

    @property
    def text(self) -> str:
        line = f"{self.name:<58} {self.value:>9,.10g}"
        if self.bar is None:
            return line
        bar = f"{'<' if self.below else '<='} {self.bar:,.10g}"
        return f"{line}  {bar:<10}  {'reached' if self.reached else 'missed'}"


@cache
def modules() -> dict[str, Path]:
    """Files by module name; a package maps to its ``__init__``."""
    paths = sorted((SOURCE / "guanxi").rglob("*.py"))
    parts = {path: path.relative_to(SOURCE).with_suffix("").parts for path in paths}
    return {".".join(names[:-1] if names[-1] == "__init__" else names): path for path, names in parts.items()}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def count_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def function_lengths() -> list[int]:
    """Line counts of all functions and methods, sorted."""
    nodes = (node for module in modules() for node in ast.walk(tree(module)))
    return sorted(node.end_lineno - node.lineno + 1 for node in nodes if isinstance(node, FUNCTIONS))


def public_names() -> list[str]:
    """Module-level functions and classes with no leading ``_`` in the name or any part of the path."""
    return [
        f"{module}.{node.name}"
        for module in modules()
        if not any(part.startswith("_") for part in module.split("."))
        for node in tree(module).body
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_")
    ]


def base_names() -> Counter[str]:
    """Number of files per name, ignoring a leading ``_``."""
    return Counter(path.stem.lstrip("_") for path in modules().values() if path.stem != "__init__")


def imported(module: str) -> set[str]:
    """Modules of guanxi imported anywhere in a module, including in functions and for types only."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            names = (f"{base}.{alias.name}" for alias in node.names)
            found.update(name if name in modules() else base for name in names)
    return found & modules().keys()


def absolute(module: str, node: ast.ImportFrom) -> str:
    """Absolute name of the module of a ``from ... import``."""
    if not node.level:
        return node.module or ""
    package = module.split(".")
    if modules()[module].name != "__init__.py":
        package.pop()
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *filter(None, [node.module])])


def closure(roots: Iterable[str]) -> set[str]:
    """Modules reached by imports; a package counts only if imported by name."""
    seen: set[str] = set()
    ahead = list(roots)
    while ahead:
        module = ahead.pop()
        if module not in seen:
            seen.add(module)
            ahead += imported(module)
    return seen


def figures() -> Iterator[Figure]:
    """All metrics, each with its bar."""
    lines = [count_lines(path) for path in modules().values()]
    texts = [path for path in (SOURCE / "guanxi").rglob("*") if path.suffix in TEXTS]
    yield Figure("lines of Python", sum(lines), 39_154)
    yield Figure("lines of Python and texts", sum(lines) + sum(map(count_lines, texts)))
    yield Figure("files of Python", len(lines))
    yield Figure("lines of the median file", median(lines), 150, below=True)
    yield Figure("lines of the longest file", max(lines), 400)
    lengths = function_lengths()
    yield Figure("lines of a function, 90th percentile", lengths[math.floor(0.9 * len(lengths))], 31)
    yield Figure("lines of the longest function", lengths[-1])
    yield Figure("public functions and classes", len(public_names()), 400)
    shared = [count for count in base_names().values() if count > 1]
    yield Figure("base names of more than one file", len(shared))
    yield Figure("files of the commonest base name", max(shared, default=1), 2)
    yield Figure("modules to follow train, then predict", len(closure(JOBS)), 100)
    yield Figure("modules to follow fit, then predict of BG/NBD", len(closure(BG_NBD)), 14)


def main() -> None:
    """Print the metrics, and the file names that occur more than twice."""
    found = list(figures())
    print("\n".join(figure.text for figure in found))
    several = {name: count for name, count in base_names().most_common() if count > 1}
    print("base names of several files: " + ", ".join(f"{name} {count}" for name, count in several.items()))
    rows: list[dict[str, Any]] = [
        {"name": each.name, "value": each.value, "bar": each.bar, "reached": each.reached} for each in found
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
