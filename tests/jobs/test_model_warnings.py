"""Every command that loads a model shows what the model warns of."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.data.datasets import load_cdnow_sample
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.scorecard import scorecard
from guanxi.params import MLflowParams, load_params

GRADE = "Predictions of spend have grade C: an example"
CALL = '{"action": "call", "cost": 5, "save_rate": 0.2}'


class Heard(Reporter):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def warned(served: Any, quick_params: Any, tmp_path_factory: Any) -> Any:
    """A folder with a champion that carries a warning."""
    from guanxi.registry import registration
    from guanxi.registry.log import TrainingRecord, log_training
    from guanxi.registry.store import open_store

    folder = tmp_path_factory.mktemp("warned")
    model = dataclasses.replace(served, model=dataclasses.replace(served.model, warnings=(GRADE,)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        store = open_store(MLflowParams())
        record = TrainingRecord(quick_params, "cdnow-sample", "digest", {}, None, {})
        run_id, uri = log_training(store, model, None, record)
        registration.make_candidate(store, registration.register(store, run_id, uri, {}), model)
    return folder


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Purchases of a sixth of the customers."""
    table = load_cdnow_sample()
    return table[table["customer_id"].isin(sorted(table["customer_id"].unique())[::6])]


def of_programme(log, folder, heard):
    names = sorted(log["customer_id"].unique())
    owners = np.resize(["Ann", "Bo"], len(names))
    table = pd.DataFrame({"customer_id": names, "date": "1998-03-10", "owner": owners})
    table.to_csv(folder / "owners.csv", index=False)
    params = load_params(None, [f"relations.owners.source={folder}/owners.csv"], {})
    guanxi.programme(log, params=params, progress=heard)


def of_campaign(log, folder, heard):
    names = sorted(log["customer_id"].unique())
    lines = pd.DataFrame({"customer_id": names, "arm": np.resize(["mail", "control"], len(names))})
    given = ["campaign.day=1998-03-10", "campaign.randomised=true", "horizon_days=60"]
    params = load_params(None, given, {})
    guanxi.campaign(lines, log, model="models:/guanxi@champion", params=params, progress=heard)


COMMANDS = {
    "profit": lambda log, _, heard: guanxi.profit(log, progress=heard),
    "plan": lambda log, _, heard: guanxi.plan(
        log, params=load_params(None, [f"plan.actions=[{CALL}]"], {}), progress=heard
    ),
    "scenario": lambda log, _, heard: guanxi.scenario(log, progress=heard),
    "programme": of_programme,
    "campaign": of_campaign,
    "scorecard": lambda log, folder, heard: scorecard(
        log, folder / "scorecard", load_params(None, [], {}), heard
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.slow
def test_it_is_said_once(warned, log, monkeypatch, name):
    monkeypatch.chdir(warned)
    heard = Heard()
    COMMANDS[name](log, warned, heard)
    assert heard.warnings.count(GRADE) == 1
