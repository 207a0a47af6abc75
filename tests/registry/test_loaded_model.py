"""Registering: no alias before the test from the registry, and nothing left of what fails it."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from contextlib import closing, suppress
from types import SimpleNamespace

import numpy as np
import pytest

from guanxi.errors import OutputError, RegistryError
from guanxi.params import MLflowParams
from guanxi.pipeline.correction import BLEND
from guanxi.registry import loaded_model, registration
from guanxi.registry._bundle import _digests
from guanxi.registry.aliases import read_aliases
from guanxi.registry.log import TrainingRecord, log_training
from guanxi.registry.store import open_store
from guanxi.served.model import FORMAT, from_json, to_json


@pytest.fixture(scope="module")
def with_trees(served):
    """The served models as if the blend had been chosen for every target: trees and regressions of all."""
    scorer = served.contender(BLEND)
    trees = {target: served.corrections[target].options[BLEND][1] for target in served.corrections}
    return dataclasses.replace(served, model=scorer.model, trees=trees)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, with_trees, quick_params):
    """A fresh store by address, with one logged model; its address holds what looks like a password."""
    folder = tmp_path_factory.mktemp("fresh")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        store = open_store(MLflowParams())
        address = "postgresql://me:secret@host/db"
        params = quick_params.model_copy(update={"mlflow": MLflowParams(tracking_uri=address)})
        record = TrainingRecord(params, "table", "digest", {}, None, {})
        run_id, model_uri = log_training(store, with_trees, None, record)
    return SimpleNamespace(store=store, run_id=run_id, model_uri=model_uri, folder=folder)


def version_of(fresh) -> str:
    return registration.register(fresh.store, fresh.run_id, fresh.model_uri, {})


def test_registering_moves_no_alias(fresh):
    version = registration.register(fresh.store, fresh.run_id, fresh.model_uri, {})
    assert fresh.store.client.get_model_version("guanxi", version).aliases == []
    assert read_aliases(fresh.store) == {}


def change(where: str, document: dict) -> None:
    """Change one number of a served model a little."""
    if where == "value model":
        document["purchases"]["fitted"]["bg_nbd"]["params"]["r"] *= 1.001
    elif where == "level":
        document["corrections"]["churn"]["level"] += 0.001
    else:
        document["corrections"]["purchases"]["regression"]["coefficients"][0] += 0.001


@pytest.mark.parametrize("where", ["value model", "level", "regression"])
def test_a_version_that_fails_its_test_is_withdrawn(fresh, with_trees, where):
    document = json.loads(json.dumps(to_json(with_trees.model)))
    change(where, document)
    worse = from_json(document)
    version = registration.register(fresh.store, fresh.run_id, fresh.model_uri, {})
    with pytest.raises(RegistryError, match="gives other predictions from the registry"):
        registration.make_candidate(fresh.store, version, dataclasses.replace(with_trees, model=worse))
    numbers = [str(found.version) for found in fresh.store.client.search_model_versions("name = 'guanxi'")]
    assert version not in numbers
    assert fresh.store.client.get_run(fresh.run_id).info.status == "FAILED"


def test_trees_and_regressions_give_the_same_numbers_from_the_registry(fresh, with_trees):
    version = registration.register(fresh.store, fresh.run_id, fresh.model_uri, {})
    loaded = loaded_model.load_model(f"models:/guanxi/{version}", fresh.store)
    rows = with_trees.features.head(300)
    needed = rows[with_trees.scorer.features]
    for given in ({}, {"horizon_days": 200, "drivers": 5}, {"as_of": "1998-12-31", "drivers": 0}):
        expected = with_trees.scorer.score(needed, **given)
        got = loaded.pyfunc.predict(needed, params=given)
        assert list(got.columns) == list(expected.columns)
        for name in expected.select_dtypes("number"):
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-12, err_msg=name)
    assert {"churn-0.txt", "purchases-0.txt", "spend-0.txt", "spend-1.txt"} == {
        path.name for path in fresh.folder.rglob("trees/*.txt")
    }


def test_the_first_version_that_passes_is_champion_and_later_ones_candidate(fresh, with_trees):
    first, later = (registration.register(fresh.store, fresh.run_id, fresh.model_uri, {}) for _ in range(2))
    assert registration.make_candidate(fresh.store, first, with_trees) == first
    assert read_aliases(fresh.store) == {"candidate": first, "champion": first}
    assert registration.make_candidate(fresh.store, later, with_trees) == first
    assert read_aliases(fresh.store) == {"candidate": later, "champion": first}


def test_a_registry_that_fails_is_not_taken_for_one_without_champion(fresh, monkeypatch):
    from mlflow.exceptions import MlflowException

    def broken(*_: object) -> None:
        raise MlflowException("the server is tired")

    monkeypatch.setattr(fresh.store.client, "get_registered_model", broken)
    with pytest.raises(MlflowException, match="tired"):
        read_aliases(fresh.store)


def test_no_password_is_kept(fresh):
    run = fresh.store.client.get_run(fresh.run_id)
    assert run.data.params["mlflow.tracking_uri"] == "postgresql://me:***@host/db"
    holding = [
        path for path in fresh.folder.rglob("*") if path.is_file() and b"me:secret" in path.read_bytes()
    ]
    assert not holding


def test_a_model_of_another_kind_is_refused(tmp_path, fresh):
    import mlflow

    code = tmp_path / "other.py"
    code.write_text(
        "import mlflow\n"
        "class Other(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input: list[str], params=None):\n"
        "        return model_input\n"
        "mlflow.models.set_model(Other())\n"
    )
    with loaded_model._quiet_warnings():
        mlflow.pyfunc.save_model(str(tmp_path / "other"), python_model=str(code), pip_requirements=["mlflow"])
    with pytest.raises(RegistryError, match="is not a guanxi model"):
        loaded_model.load_model(str(tmp_path / "other"))


def test_a_model_whose_document_is_of_another_format_is_refused(fresh, tmp_path):
    loaded_model.export(fresh.store, version_of(fresh), tmp_path / "model")
    file = tmp_path / "model" / "artifacts" / "model.json"
    file.write_text(file.read_text("utf-8").replace(f'"format": {FORMAT}', '"format": 99'), "utf-8")
    digests = file.with_name("digests.json")
    digests.unlink()
    now = json.dumps(_digests(file.parent))
    digests.write_text(now, "utf-8")
    with pytest.raises(RegistryError, match=r"model\.json is of format 99, and this version of guanxi reads"):
        loaded_model.load_model(str(tmp_path / "model"))


class TestExport:
    def test_replaces_the_folder_and_leaves_nothing_beside_it(self, fresh, tmp_path):
        folder = tmp_path / "models" / "guanxi"
        for _ in range(2):
            loaded_model.export(fresh.store, version_of(fresh), folder)
            (folder / "artifacts" / "trees" / "stale-0.txt").touch()
        loaded_model.export(fresh.store, version_of(fresh), folder)
        assert not list(folder.rglob("stale*"))
        assert (folder / "MLmodel").exists()
        assert [path.name for path in folder.parent.iterdir()] == ["guanxi"]

    @pytest.mark.parametrize("place", ["guanxi", ".guanxi.old"])
    @pytest.mark.parametrize("name", ["notes.txt", "artifacts/trees/notes.md", "MLmodel"])
    def test_what_is_not_of_an_exported_model_stays(self, fresh, tmp_path, place, name):
        folder = tmp_path / "guanxi"
        foreign = tmp_path / place / name
        loaded_model.export(fresh.store, version_of(fresh), tmp_path / place)
        foreign.write_text("mine")
        with pytest.raises(OutputError, match=r"did not write|not of guanxi"):
            loaded_model.export(fresh.store, version_of(fresh), folder)
        assert foreign.read_text() == "mine"

    @pytest.mark.parametrize("place", ["guanxi", ".guanxi.old", ".guanxi.new"])
    def test_a_link_is_not_followed(self, fresh, tmp_path, place):
        precious = tmp_path / "precious"
        loaded_model.export(fresh.store, version_of(fresh), precious)
        before = sorted(precious.rglob("*"))
        (tmp_path / place).symlink_to(precious)
        with suppress(OutputError):
            loaded_model.export(fresh.store, version_of(fresh), tmp_path / "guanxi")
        assert (tmp_path / place).is_symlink()
        assert sorted(precious.rglob("*")) == before

    def test_failure_leaves_the_old_folder(self, fresh, tmp_path, monkeypatch):
        import mlflow

        folder = tmp_path / "guanxi"
        loaded_model.export(fresh.store, version_of(fresh), folder)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(mlflow.artifacts, "download_artifacts", full)
        with pytest.raises(OutputError, match="No space left"):
            loaded_model.export(fresh.store, version_of(fresh), folder)
        assert (folder / "MLmodel").exists()
        assert [path.name for path in tmp_path.iterdir()] == ["guanxi"]


def locations(database):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT artifact_uri FROM runs ORDER BY run_uuid").fetchall()


def test_a_moved_store_opens(copy_store, first_run, tmp_path, monkeypatch):
    database = first_run.folder / "mlruns" / "mlflow.db"
    before = locations(database)
    copy_store(first_run.folder, tmp_path)
    monkeypatch.chdir(tmp_path)
    moved = open_store(MLflowParams(), create=False)
    version = read_aliases(moved)["champion"]
    place = moved.client.get_model_version_download_uri("guanxi", version)
    assert place.startswith((tmp_path / "mlruns" / "artifacts").as_uri())
    assert loaded_model.load_model("models:/guanxi@champion", moved).version == version
    assert locations(database) == before


def test_a_model_is_loaded_as_the_version_its_alias_had_at_first(first_run, store, monkeypatch):
    """An alias that moves while the model loads must not give its numbers another version's name."""
    import mlflow

    download = mlflow.artifacts.download_artifacts

    def slowly(*given, **more):
        store.client.delete_registered_model_alias("guanxi", "asked")
        return download(*given, **more)

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", slowly)
    store.client.set_registered_model_alias("guanxi", "asked", "1")
    assert loaded_model.load_model("models:/guanxi@asked", store).version == "1"


def test_an_exported_folder_names_its_registered_model(first_run, tmp_path):
    assert loaded_model.exported_name(first_run.folder / "models" / "guanxi") == "guanxi"
    assert loaded_model.exported_name(tmp_path) is None
