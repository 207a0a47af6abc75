"""The served package as text, so that a served model carries its own code and texts.

Code that MLflow copies beside a model (``code_paths``) or pickles is found by module name, so two versions
loaded in one process would share one version's code. Here each served file holds the modules' text and
imports them under a name that no other version has.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable


def embedded_modules() -> dict[str, str]:
    """Give the source text of every module of :mod:`guanxi.served`.

    Returns
    -------
    dict
        Name relative to ``guanxi.served`` to text, in alphabetical order: ``purchases.process`` is a module,
        a name that ends in ``.__init__`` a package.
    """
    return dict(sorted(_modules(resources.files("guanxi.served"), "")))


def embedded_texts() -> dict[str, str]:
    """Give the TOML files of :mod:`guanxi.served`, name to text, in alphabetical order."""
    files = [entry for entry in resources.files("guanxi.served").iterdir() if entry.name.endswith(".toml")]
    return {
        entry.name: entry.read_text(encoding="utf-8") for entry in sorted(files, key=lambda file: file.name)
    }


def _modules(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir() and entry.joinpath("__init__.py").is_file():
            found += _modules(entry, f"{prefix}{entry.name}.")
        elif entry.name.endswith(".py"):
            found.append((prefix + entry.name.removesuffix(".py"), entry.read_text(encoding="utf-8")))
    return found
