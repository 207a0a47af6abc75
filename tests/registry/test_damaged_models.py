"""A model whose files are not as they were logged is refused in one line, whatever is wrong with them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import RegistryError
from guanxi.registry.loaded_model import load_model
from guanxi.registry.store import _import_mlflow

pytestmark = pytest.mark.slow

READABLE = ("NaN", "three times", "half a tree", "a flipped bit", "half a profile")


@pytest.fixture
def model(first_run, tmp_path) -> Path:
    """A copy of an exported model."""
    return Path(shutil.copytree(first_run.folder / "models" / "guanxi", tmp_path / "model"))


def document(change: Callable[[dict], None]) -> Callable[[Path], None]:
    """Change the JSON document, which stays one."""

    def damage(model: Path) -> None:
        path = model / "artifacts" / "model.json"
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content, indent=1), "utf-8")

    return damage


def parameters(content: dict) -> dict:
    return next(iter(content["purchases"]["fitted"].values()))["params"]


def of_each_parameter(factor: float) -> Callable[[dict], None]:
    def change(content: dict) -> None:
        found = parameters(content)
        found.update({name: value * factor for name, value in found.items()})

    return change


def shorten(pattern: str) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        path = next(model.glob(pattern))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def flip(model: Path) -> None:
    path = next(model.glob("artifacts/trees/*.txt"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove(pattern: str) -> Callable[[Path], None]:
    return lambda model: next(model.glob(pattern)).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda model: (model / name).write_text(text)


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        text = (model / name).read_text("utf-8")
        assert old in text
        (model / name).write_text(text.replace(old, new), "utf-8")

    return damage


def first_bytes(name: str, count: int) -> Callable[[Path], None]:
    return lambda model: os.truncate(model / name, count)


DIGESTS, DESCRIPTION, CODE = "artifacts/digests.json", "MLmodel", "guanxi_model.py"
DAMAGES = {
    "NaN": document(of_each_parameter(float("nan"))),
    "three times": document(of_each_parameter(3.0)),
    "half a document": shorten("artifacts/model.json"),
    "half a tree": shorten("artifacts/trees/*.txt"),
    "a flipped bit": flip,
    "half a profile": shorten("artifacts/profile.json"),
    "no tree": remove("artifacts/trees/*.txt"),
    "no profile": remove("artifacts/profile.json"),
    "half the digests": shorten("artifacts/digests.json"),
    "no digests": remove(DIGESTS),
    "digests of nothing": write(DIGESTS, "{}"),
    "digests as a list": write(DIGESTS, "[]"),
    "digests as a word": write(DIGESTS, "garb"),
    "a tree too many": write("artifacts/trees/churn-99.txt", "tree"),
    "half the code": shorten(CODE),
    "the beginning of the code": first_bytes(CODE, 500),
    "no code": remove(CODE),
    "code with another name": replace(CODE, "_check_digests(context", "check(context"),
    "half a description": shorten(DESCRIPTION),
    "the beginning of the description": first_bytes(DESCRIPTION, 100),
    "no description": remove(DESCRIPTION),
    "an empty description": write(DESCRIPTION, ""),
    "a description that is no YAML": replace(DESCRIPTION, "flavors:", "flavors: ]"),
    "a description without artifacts": replace(DESCRIPTION, "artifacts", "artifactz"),
    "a description without a loader": replace(DESCRIPTION, "loader_module", "loaded"),
    "a description without features": replace(DESCRIPTION, "signature:", "signatur:"),
    "a description without a source": replace(DESCRIPTION, "  source:", "  sauce:"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_refused_when_it_is_loaded(model, damage):
    """In a process of its own: half a tree would abort this one."""
    DAMAGES[damage](model)
    program = (
        "import sys\nfrom guanxi.errors import RegistryError\n"
        "from guanxi.registry.loaded_model import load_model\n"
        "try:\n    load_model(sys.argv[1])\nexcept RegistryError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"cannot load model \S+: .*(is damaged|is missing).*; restore it from a backup, "
        r"or name another version, as in models:/guanxi/1\n",
        done.stdout,
    )
    if damage in READABLE:
        assert "is damaged: it is not as it was logged; restore it from a backup" in done.stdout


def test_mlflow_refuses_it_too(model):
    mlflow = _import_mlflow()
    DAMAGES["three times"](model)
    with pytest.raises(ValueError, match=r"artifacts/model\.json is damaged"):
        mlflow.pyfunc.load_model(str(model))


def test_no_impossible_number_is_handed_on(first_run, monkeypatch):
    loaded = load_model(str(first_run.folder / "models" / "guanxi"))
    example = loaded.pyfunc.input_example
    predict = type(loaded.pyfunc).predict
    for name, value in (("clv", np.nan), ("churn_probability", 1.5), ("expected_purchases", np.inf)):

        def wrong(pyfunc: object, rows: pd.DataFrame, params: object = None, name=name, value=value):
            return predict(pyfunc, rows, params).assign(**{name: value})

        with monkeypatch.context() as patch:
            patch.setattr(type(loaded.pyfunc), "predict", wrong)
            with pytest.raises(RegistryError, match=f"predicts what cannot be: {name} is not"):
                loaded.predict(example)
    assert len(loaded.predict(example)) == len(example)
