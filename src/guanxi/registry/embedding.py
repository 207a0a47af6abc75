"""The scoring modules as text, so that a served model carries its own code.

Code that MLflow copies beside a model (``code_paths``) or pickles is found by module name, so two versions
loaded in one process would share one version's code. Here each served file holds the modules' text and
makes them under a name that no other version has.
"""

from __future__ import annotations

import ast
from importlib import resources

_ROOT = "guanxi.models"
_ENTRIES = ("scoring", "label_scoring")


def embedded_modules() -> dict[str, str]:
    """Source text of the scoring modules and all they import, each after what it needs.

    Returns
    -------
    dict
        Module name relative to ``guanxi.models`` (``formulas.process``), to its text.
    """
    sources: dict[str, str] = {}
    for entry in _ENTRIES:
        _collect(entry, sources)
    return sources


def _collect(name: str, sources: dict[str, str]) -> None:
    if name in sources:
        return
    text = _read(name)
    for needed in _relative_imports(name, text):
        _collect(needed, sources)
    sources[name] = text


def _read(name: str) -> str:
    path = resources.files(_ROOT).joinpath(*name.split("."))
    file = path.joinpath("__init__.py") if path.is_dir() else path.with_name(path.name + ".py")  # type: ignore[attr-defined]
    text: str = file.read_text(encoding="utf-8")
    return text


def _relative_imports(name: str, text: str) -> list[str]:
    package = name.split(".") if _is_package(name) else name.split(".")[:-1]
    needed: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.ImportFrom) and node.level):
            continue
        base = [*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else [])]
        needed.extend(".".join(base[: i + 1]) for i in range(len(base)))
        needed.extend(".".join([*base, alias.name]) for alias in node.names if _exists([*base, alias.name]))
    return needed


def _is_package(name: str) -> bool:
    return resources.files(_ROOT).joinpath(*name.split(".")).is_dir()


def _exists(parts: list[str]) -> bool:
    path = resources.files(_ROOT).joinpath(*parts[:-1])
    return path.joinpath(parts[-1]).is_dir() or path.joinpath(parts[-1] + ".py").is_file()
