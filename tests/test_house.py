"""The rules of the house: layers, public names, and where heavy parts may be imported."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import guanxi
from guanxi import models

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "guanxi"
# One door each (package: the places that may import it).
DOORS = {
    "mlflow": ("registry/",),
    "shap": ("models/drivers.py",),
    "matplotlib": ("report/", "scorecard/report/", "scorecard/voice/", "decisions/"),
    "yaml": ("params",),
    "ibis": ("data/", "features/", "evaluation/"),
    "duckdb": ("data/", "features/"),
    "pyspark": ("data/spark/", "registry/spark.py"),
    "typer": ("cli/",),
    "xlsxwriter": ("data/sinks/spreadsheet.py",),
}


def test_layers_hold():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", DOORS)
def test_one_door_each(package):
    pattern = re.compile(rf"^\s*(import|from) {package}\b", re.MULTILINE)
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert users
    assert not {user for user in users if not user.startswith(DOORS[package])}


def test_public_names_are_there():
    assert set(guanxi.__all__) <= set(dir(guanxi))
    for name in ("rfm", "customer_lifetime_value", "train", "predict"):
        assert callable(getattr(guanxi, name))
    for name in ("load_cdnow", "load_cdnow_sample"):
        assert callable(getattr(guanxi.datasets, name))
    for name in ("BetaGeoNBD", "GammaGamma", "ChurnClassifier"):
        assert inspect.isclass(getattr(models, name))
    for name in (
        *("probability_alive", "expected_purchases", "expected_purchases_new"),
        *("purchase_probability", "next_purchase_quantile"),
    ):
        assert callable(getattr(models.BetaGeoNBD, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = guanxi.nothing


def test_every_error_is_a_class_of_the_house_with_its_exit_code():
    errors = importlib.import_module("guanxi.errors")
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    classes.remove(errors.FitWarning)
    assert all(issubclass(value, errors.GuanxiError) for value in classes)
    assert {value.exit_code for value in classes} == {1, 2}


def test_library_code_prints_nothing():
    pattern = re.compile(r"^\s*print\(", re.MULTILINE)
    assert not [path for path in SOURCE.rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))]


def test_files_and_functions_stay_readable_and_file_names_apart():
    spec = importlib.util.spec_from_file_location("house", ROOT / "benchmarks" / "house.py")
    house = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = house
    spec.loader.exec_module(house)
    lasting = ("median file", "longest file", "90th percentile", "commonest base name")
    figures = [each for each in house.figures() if any(name in each.name for name in lasting)]
    assert len(figures) == len(lasting)
    assert not [each.text for each in figures if not each.reached]


def test_private_names_stay_in_their_room():
    """A module or name with a leading underscore is imported in its own top-level package only."""
    crossing = []
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("guanxi."):
                parts = [*node.module.split(".")[1:], *(alias.name for alias in node.names)]
                private = any(part.startswith("_") and not part.startswith("__") for part in parts)
                if private and parts[0] != room:
                    crossing.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert not crossing
