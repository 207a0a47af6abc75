"""docs/reference.md lists what users may import: the names, and the first line of each docstring.

``python tests/test_reference.py`` writes the page anew.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
MODULES = (
    "guanxi",
    "guanxi.datasets",
    "guanxi.models",
    "guanxi.decisions.profit",
    "guanxi.simulation",
    "guanxi.report.plots",
    "guanxi.decisions.loyalty",
    "guanxi.decisions.programme",
    "guanxi.decisions.uplift",
    "guanxi.params",
    "guanxi.errors",
)
FURTHER = {
    "guanxi.evaluation.retention_profit": ("expected_maximum_profit", "maximum_profit"),
    "guanxi.decisions.campaign": (
        *("adjusted_difference", "customers_needed", "difference", "minimum_detectable_effect"),
        *("observational_effects", "sample_ratio"),
    ),
    "guanxi.data.contracts.log": ("read_contracts",),
    "guanxi.data.transactions": ("read_transactions",),
    "guanxi.features.contracts.snapshots": ("contract_features", "person_periods"),
    "guanxi.features.snapshots": ("features_at",),
    "guanxi.jobs.predict_spark": ("predict_spark",),
    "guanxi.report.figures": ("calibration", "shap_summary", "value_concentration"),
}
INTRODUCTION = """# Reference

These names are public; everything else in the package may change without notice. `help(name)` shows
parameters, shapes, units, errors, sources and a runnable example. Modules and functions that begin with an
underscore are private to their part of the package.
"""


def load(name: str) -> ModuleType:
    import guanxi

    return guanxi.datasets if name == "guanxi.datasets" else importlib.import_module(name)


def public_names(module: ModuleType) -> list[str]:
    """``__all__``, else the functions and classes that the module defines itself."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    return sorted(name for name in names if name != "__version__")


def summary(value: Any) -> str:
    if isinstance(value, (tuple, dict)):
        return ", ".join(f"`{each}`" for each in value)
    text = inspect.getdoc(value) or ""
    line = " ".join(text.partition("\n\n")[0].split())
    return re.sub(r":\w+:`\.?([^`]+)`", r"`\1`", line).replace("``", "`")


def reference_page() -> str:
    parts = [INTRODUCTION]
    for name in MODULES:
        module = load(name)
        rows = [f"| `{each}` | {summary(getattr(module, each))} |" for each in public_names(module)]
        parts.append("\n".join([f"## {name}", "", summary(module), "", "| name | |", "|---|---|", *rows, ""]))
    rows = [
        f"| `{name}.{each}` | {summary(getattr(load(name), each))} |"
        for name, names in FURTHER.items()
        for each in names
    ]
    parts.append("\n".join(["## Further functions", "", "| name | |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def test_the_reference_lists_exactly_the_public_names():
    assert PAGE.read_text(encoding="utf-8") == reference_page()


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented(name):
    module = load(name)
    assert public_names(module)
    assert not [each for each in public_names(module) if not summary(getattr(module, each))]


if __name__ == "__main__":
    PAGE.write_text(reference_page(), encoding="utf-8")
