"""``guanxi scenario`` on a simulated company: what it values, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import guanxi
from guanxi.errors import OutputError, ParamsError
from guanxi.params import Params, load_params
from guanxi.simulation import simulate_company

CASES = [
    {"name": "same", "changes": [{"lever": "retention", "by": 0}]},
    {
        "name": "Loyal stay",
        "changes": [{"lever": "retention", "by": 0.01, "kind": "absolute", "segment": {"frequency": ">= 3"}}],
    },
    {
        "name": "New ones",
        "changes": [
            {"lever": "order_value", "by": [0.05, 0.1], "segment": {"lifecycle_stage": ["new", "growing"]}}
        ],
    },
    {
        "name": "Champions in Germany",
        "changes": [
            {"lever": "purchase_rate", "by": 0.1, "segment": {"rfm_segment": "champions", "country": "DE"}}
        ],
    },
    {
        "name": "Hard times",
        "changes": [
            {"lever": "purchase_rate", "distribution": "normal", "mean": -0.1, "sd": 0.05},
            {"lever": "acquisition_cost", "distribution": "uniform", "low": 0, "high": 0.5},
        ],
    },
]  # fmt: skip
SETTINGS = [
    *("clv.model=bg_nbd", "scenario.draws=500"),
    *("scenario.new_customers=300", "scenario.acquisition_cost=20"),
]
NAMES = ("scenarios", "levers", "tornado", "elasticities", "plans", "draws")
PLAN = (
    'plan.actions=[{"action": "call", "cost": 5, "save_rate": 0.2, "when": {"lifecycle_stage": ["mature"]}}]'
)
REFUSED = 'scenario.cases=[{{"name": "x", "changes": [{}]}}]'


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A folder with the tables of a company, and a champion trained without its twin."""
    from guanxi.data.transactions import read_transactions
    from guanxi.pipeline.fit import fit_models
    from guanxi.registry import registration
    from guanxi.registry.log import TrainingRecord, log_training
    from guanxi.registry.store import open_store

    folder = tmp_path_factory.mktemp("company")
    simulate_company(700, seed=7).write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = ["horizon_days=90", "churn.snapshot_spacing_days=500", *SETTINGS]
        params = load_params(None, given, {})
        log = read_transactions("transactions.csv", params.data)
        try:
            served = fit_models(log, log.last_day, params)
        finally:
            log.close()
        store = open_store(params.mlflow)
        record = TrainingRecord(params, "transactions.csv", "digest", {}, None, {})
        run_id, uri = log_training(store, served, None, record)
        registration.make_candidate(store, registration.register(store, run_id, uri, {}), served)
    return folder


def params_of(company: Path, *more: str, cases: Any = CASES) -> Params:
    return load_params(company / "params.yaml", [*SETTINGS, f"scenario.cases={json.dumps(cases)}", *more], {})


@pytest.fixture(scope="module")
def answer(company):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(company)
        return guanxi.scenario("transactions.csv", params=params_of(company))


@pytest.fixture
def inside(company, monkeypatch):
    monkeypatch.chdir(company)
    return company


def test_value_within_the_horizon_is_that_of_the_predictions(answer, inside):
    predictions = guanxi.predict("transactions.csv", params=params_of(inside))
    assert answer.metrics["within_horizon"] == pytest.approx(predictions["clv"].sum(), rel=1e-9)
    longer = guanxi.predict("transactions.csv", params=params_of(inside), horizon_days=365)
    five = guanxi.scenario("transactions.csv", params=params_of(inside, "scenario.years=1", cases=[]))
    present = five.metrics["within_horizon"] + five.metrics["beyond"]
    assert present == pytest.approx(longer["clv"].sum(), rel=0.1)


def test_scenarios_change_what_they_name(answer):
    table = answer.tables["scenarios"]
    assert table["scenario"].tolist() == [
        "today", "same", "Loyal stay", "New ones", "New ones", "Champions in Germany", "Hard times",
    ]  # fmt: skip
    now, same, loyal, new, newer, champions, hard = table.to_dict("records")
    assert same["change"] == 0.0
    assert loyal["change"] > 0
    assert loyal["new_customers"] == now["new_customers"] > 0
    assert newer["change"] == pytest.approx(2 * new["change"], rel=1e-6)
    assert champions["change"] > 0
    assert hard["change_lower"] < hard["change"] < hard["change_upper"] < 0
    assert hard["draws"] == 500
    levels = answer.tables["levers"].set_index(["scenario", "point", "lever"])
    loyal_level = levels.loc[("Loyal stay", 1, "retention")]
    assert loyal_level["level"] == pytest.approx(loyal_level["today"] + 0.01)
    assert loyal_level["segment"] == "frequency >= 3"


def test_tornado_and_elasticities(answer):
    bars, sizes = answer.tables["tornado"], answer.tables["elasticities"]
    assert set(bars["lever"]) == set(sizes["lever"]) >= {"retention", "margin", "acquisition_cost"}
    assert (bars["range"].diff().dropna() <= 0).all()
    assert answer.metrics["elasticity_retention"] > answer.metrics["elasticity_margin"] > 0.9
    assert answer.metrics["elasticity_discount_rate"] < 0


@pytest.mark.slow
def test_order_of_scenarios_changes_nothing(answer, inside):
    found = guanxi.scenario("transactions.csv", params=params_of(inside, cases=CASES[::-1]))
    columns = ["scenario", "point"]
    one, other = (
        each.tables["scenarios"].sort_values(columns, ignore_index=True) for each in (answer, found)
    )
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)
    pd.testing.assert_series_equal(
        one.loc[one["draws"] > 0, "equity"], other.loc[other["draws"] > 0, "equity"], rtol=1e-6
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_command_writes_page_and_tables_as_one_set(inside, command, language):
    settings = [
        f"scenario.cases={json.dumps(CASES)}",
        f"language={language}",
        "scenario.write_draws=true",
        PLAN,
    ]
    given = [each for setting in [*SETTINGS, *settings] for each in ("--set", setting)]
    ended = command("scenario", "transactions.csv", "-o", "out", *given, folder=inside)
    assert ended.code == 0, ended.err
    assert "customer equity" in ended.out
    assert "Scenario New ones (+10\u00a0%): +" in ended.out
    folder = inside / "out"
    written = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    tables = {f"{name}.{kind}" for name in NAMES for kind in ("parquet", "csv")}
    assert written == tables | {"scenario.html", "scenario.json"}
    page = (folder / "scenario.html").read_text("utf-8")
    assert page.count("data:image/svg+xml") == 2
    assert {"en": "How the levers are defined", "zh": "各因素的定义"}[language] in page
    assert "Champions in Germany" in page
    assert len(pd.read_parquet(folder / "draws.parquet")) == 500
    plans = pd.read_parquet(folder / "plans.parquet").set_index("scenario")
    assert plans.loc["same", "moved"] == 0
    assert plans.loc["Hard times", "plan_change"] < 0
    document = json.loads((folder / "scenario.json").read_text("utf-8"))
    assert document["settings"]["seed"] == 0
    assert document["metrics"]["equity"] > 0
    ended = command("scenario", "transactions.csv", "-o", "out", folder=inside)
    assert ended.code == 0, ended.err
    assert not (folder / "draws.parquet").exists()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            [REFUSED.format('{"lever": "margin", "by": 1, "segment": {"teir": "a"}}')],
            ParamsError,
            "scenario.cases: column 'teir' is unknown",
        ),
        (
            [REFUSED.format('{"lever": "margin", "by": 1, "segment": {"country": "XX"}}')],
            ParamsError,
            "scenario.cases: no customer is in the segment country == XX: change the condition",
        ),
        (
            [REFUSED.format('{"lever": "order_value", "by": -1.1}')],
            ParamsError,
            "scenario 'x': order_value of everyone is",
        ),
        (["scenario.years=0.1"], ParamsError, "ends before the model's horizon of 90 days"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_nothing_is_written_where_a_scenario_cannot_be(inside, settings, error, message):
    with pytest.raises(error, match=message) as caught:
        guanxi.scenario("transactions.csv", "refused", params=params_of(inside, *settings))
    assert "\n" not in str(caught.value)
    assert not (inside / "refused" / "scenario.html").exists()


def test_a_folder_of_something_else_is_left_alone(inside):
    folder = inside / "own"
    folder.mkdir(exist_ok=True)
    (folder / "scenarios.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"scenarios\.csv"):
        guanxi.scenario("transactions.csv", folder, params=params_of(inside))
    assert (folder / "scenarios.csv").read_text() == "mine"
