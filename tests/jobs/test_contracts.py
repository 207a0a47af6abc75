"""Contracts through every command: one registered model, one table, one page."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import ParamsError, PromotionError
from guanxi.jobs import _predict_contracts
from guanxi.jobs.explain import explain
from guanxi.jobs.plan import plan
from guanxi.jobs.predict import predict
from guanxi.jobs.promote import promote
from guanxi.jobs.report import report
from guanxi.jobs.rollback import rollback
from guanxi.jobs.run_contracts import run_contracts, summary_text
from guanxi.jobs.train_contracts import _doubts, train_contracts
from guanxi.params import load_params, override
from guanxi.periods import add_days
from guanxi.registry.aliases import LEAKS, read_aliases
from guanxi.registry.store import open_store, task_store
from guanxi.simulation import SubscriptionEffects, simulate_subscriptions

HORIZON = 180
COLUMNS = [
    *("customer_id", "as_of", "horizon_days", "plan", "renewals", "churn_probability", "renewal_probability"),
    *("expected_remaining_months", "monetary_value", "mrr_expected", "clv", "clv_lower", "clv_upper"),
    "value_at_risk",
]
WITHOUT_GUANXI = """
import sys, importlib.abc

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "guanxi":
            raise ImportError("guanxi is not installed here")

sys.meta_path.insert(0, Refuse())
import warnings
warnings.simplefilter("ignore")
import os
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
import mlflow

model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(model.input_example, params={"horizon_days": 30})["churn_probability"].mean())
"""


@pytest.fixture(scope="module")
def settings():
    return load_params(
        None, ["churn.lightgbm.n_estimators=20", "task=contracts", f"horizon_days={HORIZON}"], {}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with ``subscriptions.csv``."""
    made = tmp_path_factory.mktemp("contracts")
    effects = SubscriptionEffects(plans={"basic": 0.4, "premium": -0.4}, changes=0.03, change_spread=0.1)
    found = simulate_subscriptions(
        {"gamma": 0.9, "delta": 6.0, "c": 1.0}, 450, 24, 1, cohorts=20, effects=effects
    )
    found.contracts.to_csv(made / "subscriptions.csv", index=False)
    return made


@pytest.fixture(scope="module")
def ran(folder, settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_contracts("subscriptions.csv", Path("output"), params=settings)


@pytest.fixture
def there(ran, folder, monkeypatch):
    """The folder of the run, as the working folder."""
    monkeypatch.chdir(folder)
    return folder


class TestRun:
    def test_writes_the_table_the_page_and_the_champion(self, ran, there):
        table = pd.read_parquet("output/predictions.parquet")
        assert list(table.columns[: len(COLUMNS)]) == COLUMNS
        assert table["customer_id"].is_unique
        assert (table["as_of"].astype(str) == ran.training.as_of.isoformat()).all()
        assert set(table["model_version"]) == {"1"}
        assert table["churn_probability"].between(0, 1).all()
        assert (table["clv_lower"] <= table["clv"]).all()
        assert (table["clv"] <= table["clv_upper"]).all()
        assert (there / "models" / "guanxi-contracts" / "MLmodel").is_file()
        assert "candidate and, as the first, champion" in summary_text(ran, "subscriptions.csv")

    @pytest.mark.slow
    def test_the_page_is_made_again_in_another_language(self, ran, there, tmp_path):
        again = tmp_path / "again.html"
        report("output", again)
        assert again.read_bytes() == (there / "output" / "report.html").read_bytes()
        chinese = report("output", again, language="zh").read_text(encoding="utf-8")
        assert "客户" in chinese
        assert "months under contract" not in chinese

    def test_tells_the_next_commands(self, ran, there):
        following = summary_text(ran, "subscriptions.csv").partition("Next:\n")[2].splitlines()
        assert following[0] == "  xdg-open output/report.html"
        assert following[1].startswith("  mlflow ui --backend-store-uri ")
        assert following[2] == "  guanxi predict subscriptions.csv -o scores.parquet --task contracts"

    def test_metrics_are_those_of_the_summary(self, ran, there):
        measured = json.loads(Path("output/metrics.json").read_text())["measured"]
        auc = measured["metrics"]["churn"]["guanxi"]["auc"]["value"]
        assert auc == pytest.approx(
            float(re.search(r"AUC (\d\.\d+)", summary_text(ran, "subscriptions.csv"))[1]), abs=5e-4
        )
        assert auc > 0.55
        assert measured["days"] == HORIZON == ran.training.evaluation.cohorts["days"].max()

    def test_a_model_worse_than_a_constant_says_so(self, ran):
        evaluation = ran.training.evaluation
        assert _doubts(evaluation) == []
        others = evaluation.baselines.assign(value=0.01)
        assert re.search(
            r"worse than by a naive method: log loss 0\.\d+, share of churners 0\.01: do not rely",
            _doubts(replace(evaluation, baselines=others))[0],
        )

    def test_the_page_has_value_risk_cohorts_and_equity(self, ran, there):
        html = Path("output/report.html").read_text(encoding="utf-8")
        for anchor in ("headline", "value", "at-risk", "why", "cohorts", "new-customers", "trust", "data"):
            assert f'<section id="{anchor}">' in html
        assert "not be drawn" not in html

    def test_the_run_in_mlflow_has_the_twin_and_the_card(self, ran, there):
        store = ran.training.store
        tags = store.client.get_run(ran.training.run_id).data.tags
        assert tags["guanxi.task"] == "contracts"
        assert tags["guanxi.twin"].startswith("models:/")
        card = store.client.get_model_version("guanxi-contracts", "1").description
        assert "renewal opportunities" in card
        assert "| churn |" in card

    @pytest.mark.slow
    def test_a_copy_loads_without_guanxi_and_pickle(self, ran, there):
        pickled = [p for p in (there / "models").rglob("*") if p.suffix in (".pkl", ".pickle", ".joblib")]
        assert pickled == []
        given = [sys.executable, "-c", WITHOUT_GUANXI, str(there / "models" / "guanxi-contracts")]
        ended = subprocess.run(given, capture_output=True, text=True, cwd="/", check=False)
        assert ended.returncode == 0, ended.stderr
        assert 0.0 < float(ended.stdout.split()[-1]) < 1.0


class TestValidate:
    def test_tells_what_is_usable(self, folder, command):
        ended = command("validate", "subscriptions.csv", *QUICK, folder=folder)
        assert ended.code == 0, ended.err
        assert re.search(r"form +contracts", ended.out)
        assert re.search(r"not renewed +\d+ \(\d+\.\d% of the opportunities\)", ended.out)
        assert re.search(r"amount per month, of those under contract +[\d,]+\.\d\d", ended.out)

    @pytest.mark.slow
    def test_a_horizon_beyond_the_history_fails(self, folder, command):
        ended = command("validate", "subscriptions.csv", *QUICK, "--horizon", "3000", folder=folder)
        assert ended.code == 2
        assert "a window of 3,000 days up to" in ended.out
        assert "not enough data for a horizon of 3,000 days: see the report above" in ended.err

    @pytest.mark.slow
    def test_bad_lines_are_counted_and_nobody_who_left_is_said(self, command, tmp_path):
        table = lines().assign(end=None)
        table.loc[0, "amount"] = -3.0
        table.to_csv(tmp_path / "bad.csv", index=False)
        ended = command("validate", "bad.csv", *QUICK)
        assert ended.code == 2
        assert re.search(r"negative_amount +1 ", ended.out)
        assert "nobody left at any of" in ended.out

    def test_labels_are_refused(self, command):
        ended = command("validate", "telco.csv", "--task", "labels")
        assert ended.code == 2
        assert "guanxi train checks labels" in ended.err


class TestPredict:
    @pytest.mark.slow
    def test_chunks_change_nothing(self, ran, there, settings, monkeypatch):
        monkeypatch.setattr(_predict_contracts, "_CUSTOMERS_AT_ONCE", 100)
        again = predict("subscriptions.csv", params=settings)
        pd.testing.assert_frame_equal(again, ran.predictions, check_dtype=False)

    def test_the_command_takes_the_champion_of_the_task(self, ran, there, command):
        ended = command(
            "predict", "subscriptions.csv", "-o", "scores.csv", "--task", "contracts", folder=there
        )
        assert ended.code == 0, ended.err
        scores = pd.read_csv("scores.csv")
        assert len(scores) == len(ran.predictions)
        assert scores["clv"].sum() == pytest.approx(ran.predictions["clv"].sum(), rel=1e-6)
        manifest = json.loads(Path("scores.csv.manifest.json").read_text())
        assert manifest["rows"] == len(scores)

    @pytest.mark.slow
    def test_a_longer_horizon_and_an_earlier_day(self, ran, there, settings):
        year = predict("subscriptions.csv", params=settings, horizon_days=365)
        assert (year["churn_probability"] >= ran.predictions["churn_probability"]).all()
        assert (year["clv"] >= ran.predictions["clv"]).all()
        before = predict("subscriptions.csv", params=settings, as_of="2023-06-30")
        assert set(before["as_of"].astype(str)) == {"2023-06-30"}

    @pytest.mark.slow
    def test_nobody_under_contract(self, ran, there, command):
        given = (
            "predict",
            "subscriptions.csv",
            "-o",
            "s.csv",
            "--task",
            "contracts",
            "--as-of",
            "2001-01-01",
        )
        ended = command(*given, folder=there)
        assert (ended.code, "nobody was under contract on 2001-01-01" in ended.error) == (2, True)

    def test_another_period_is_refused(self, ran, there, command):
        given = ("predict", "subscriptions.csv", "-o", "s.csv", "--task", "contracts")
        ended = command(*given, "--set", "contracts.period=W", folder=there)
        assert ended.code == 2
        assert "trained with contracts.period=M, not W: add --set contracts.period=M" in ended.error


class TestExplain:
    @pytest.mark.slow
    def test_the_drivers_add_up_to_the_next_renewal(self, ran, there, settings):
        row = ran.predictions.iloc[5]
        told = explain(str(row["customer_id"]), "subscriptions.csv", "one.png", params=settings)
        assert Path("one.png").is_file()
        expected = np.log(1.0 / row["renewal_probability"] - 1.0)
        assert told.log_odds == pytest.approx(expected, abs=1e-6)

    def test_the_command_tells_the_story(self, ran, there, command):
        customer = str(ran.predictions["customer_id"].iloc[0])
        ended = command("explain", customer, "subscriptions.csv", "--task", "contracts", folder=there)
        assert ended.code == 0, ended.err
        assert "renewals made:" in ended.out
        assert "of leaving at the next renewal:" in ended.out

    def test_an_unknown_customer(self, ran, there, command):
        ended = command("explain", "nobody", "subscriptions.csv", "--task", "contracts", folder=there)
        assert (ended.code, "no customer 'nobody'" in ended.error) == (2, True)


class TestGate:
    @pytest.fixture
    def copied(self, copy_store, ran, folder, tmp_path, monkeypatch):
        """The store of the run in a folder of the test's own."""
        copy_store(folder, tmp_path)
        (tmp_path / "subscriptions.csv").write_bytes((folder / "subscriptions.csv").read_bytes())
        monkeypatch.chdir(tmp_path)
        return tmp_path

    @pytest.mark.slow
    def test_an_equal_model_becomes_champion_and_is_rolled_back(self, copied, settings):
        again = train_contracts("subscriptions.csv", params=settings)
        assert (again.version, again.champion) == ("2", "1")
        promoted = promote(settings)
        assert promoted.previous == "1"
        names = [check.name for check in promoted.judgement.checks]
        assert names[:3] == [
            "log loss of churn", "mean absolute error of value", "coverage of the intervals of value",
        ]  # fmt: skip
        store = task_store(open_store(settings.mlflow), "contracts")
        assert read_aliases(store) == {"candidate": "2", "champion": "2", "previous": "1"}
        assert rollback(settings).version == "1"

    def test_a_limit_that_cannot_be_met_keeps_the_champion(self, copied, settings):
        from guanxi.registry import registration
        from guanxi.registry.aliases import _appoint

        store = task_store(open_store(settings.mlflow), "contracts")
        first = store.client.get_model_version("guanxi-contracts", "1")
        model = f"models:/{Path(first.source).parent.name}"
        registration.register(store, first.run_id, model, {LEAKS: "column 'x' alone tells who churned"})
        _appoint(store, "2")
        with pytest.raises(PromotionError, match="column 'x' alone tells who churned"):
            promote(settings)
        assert read_aliases(store) == {"candidate": "2", "champion": "1"}


class TestOtherCommands:
    def test_monitor_finds_the_training_data_unchanged(self, ran, there, command):
        given = ("monitor", "subscriptions.csv", "--task", "contracts", "-o", "monitor.json")
        ended = command(*given, folder=there)
        assert ended.code == 0, ended.out + ended.err
        assert json.loads(Path("monitor.json").read_text())["verdict"] == "ok"

    @pytest.mark.slow
    def test_backtest_beats_constant_churn(self, ran, there, command):
        given = ("--task", "contracts", "--horizon", "180", "--set", "churn.lightgbm.n_estimators=20")
        ended = command(
            "backtest", "subscriptions.csv", "-o", "bt", "--cutoff", "2024-03-31", *given, folder=there
        )
        assert ended.code == 0, ended.err
        errors = pd.read_parquet("bt/metrics.parquet").set_index(["target", "metric"])["value"]
        assert errors["cohorts", "guanxi"] < errors["cohorts", "constant churn"]
        assert set(pd.read_parquet("bt/cohorts.parquet")["cutoff"].astype(str)) == {"2024-03-31"}

    @pytest.mark.slow
    def test_the_scorecard_takes_value_and_churn(self, ran, there, command):
        by = ("--set", 'scorecard.by=["contract"]')
        ended = command(
            "scorecard", "subscriptions.csv", "-o", "card", "--task", "contracts", *by, folder=there
        )
        assert ended.code == 0, ended.err
        card = pd.read_parquet("card/scorecard.parquet").set_index("customer_id")
        known = ran.predictions.set_index("customer_id")
        np.testing.assert_allclose(card["clv"], known["clv"].reindex(card.index), rtol=1e-9)
        np.testing.assert_allclose(
            card["retention_probability"], 1.0 - known["churn_probability"].reindex(card.index), rtol=1e-9
        )
        assert {"high", "middle", "low"} >= set(card["tier"])
        assert (card["contract"] == known["plan"].reindex(card.index)).all()
        leaving = (card["tier"] != "low") & (card["churn_probability"] > 0.5)
        watch = pd.read_parquet("card/watch.parquet")
        assert set(watch["customer_id"]) == set(card.index[leaving])
        assert not (
            pd.read_csv("card/tables/segments_lifecycle_stage.csv")["lifecycle_stage"] == "prospect"
        ).any()

    @pytest.mark.slow
    def test_who_left_is_lost_in_the_chain_of_tiers(self, ran, there, command):
        ended = command(
            *("scorecard", "subscriptions.csv", "-o", "moved", "--task", "contracts", "--history", "2"),
            folder=there,
        )
        assert ended.code == 0, ended.err
        equity = pd.read_csv("moved/tables/tier_equity.csv").set_index("tier")
        assert equity.loc["lost", "margin"] == 0
        assert equity.loc["lost", "customers"] > 0
        moves = pd.read_csv("moved/tables/tier_transitions.csv").set_index(["tier_before", "tier"])
        left = moves.xs("lost", level="tier")["probability"]
        assert left["lost"] > 0.9  # nearly nobody returns
        assert left["low"] > left["high"] > 0
        contracts = pd.read_csv("subscriptions.csv", parse_dates=["start", "end"])
        assert equity["customers"].sum() <= contracts["customer_id"].nunique()


CALL = {"action": "call", "channel": "phone", "cost": 4, "save_rate": 0.2, "when": {"plan": "basic"}}


@pytest.fixture(scope="module")
def planned(ran, folder, settings):
    """A plan for the customers of the run, written to ``plan``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = override(settings, {"plan.actions": [CALL], "plan.budget": 400, "plan.holdout": 0.3})
        return plan("subscriptions.csv", "plan", params=given)


class TestDecisions:
    def test_the_plan_treats_where_the_value_at_risk_is(self, ran, planned, there):
        written = pd.read_parquet("plan/plan.parquet")
        assert written["customer_id"].tolist() == ran.predictions["customer_id"].tolist()
        treated = written["arm"] == "treated"
        known = ran.predictions
        assert set(known.loc[treated, "plan"]) == {"basic"}
        np.testing.assert_allclose(
            written.loc[treated, "expected_gain"], 0.2 * known.loc[treated, "value_at_risk"], rtol=1e-9
        )
        assert 0 < written["cost"].sum() <= 400
        assert set(written["date"]) == {add_days(ran.training.as_of, 1).isoformat()}

    def test_the_power_rests_on_what_contracts_may_pay(self, planned):
        assert 0.0 < planned.power.power < 1.0

    @pytest.mark.slow
    def test_the_command_says_how_to_measure_it_and_that_works(self, planned, there, command):
        actions = json.dumps([{"action": "letter", "cost": 0.01, "save_rate": 0.1}])
        given = ("--set", f"plan.actions={actions}", "--set", "plan.holdout=0.3", "--task", "contracts")
        ended = command("plan", "subscriptions.csv", "-o", "told", *given, folder=there)
        assert ended.code == 0, ended.err
        told = " ".join(ended.out.split())
        asked = shlex.split(re.search(r"guanxi (campaign MEASURED.csv .*)", told)[1])
        chosen = pd.read_parquet("told/plan.parquet")
        paid = 90.0 + 30.0 * (chosen["arm"] == "treated") + np.arange(len(chosen)) % 7
        chosen.assign(paid=paid, left=np.arange(len(chosen)) % 2).to_csv("MEASURED.csv", index=False)
        measured = command(*asked, folder=there)
        assert measured.code == 0, measured.err
        effects = pd.read_parquet("effect/effects.parquet").set_index(["outcome", "method"])
        assert effects.loc[("paid", "difference"), "kind"] == "effect"
        assert effects.loc[("paid", "difference"), "estimate"] == pytest.approx(30.0, abs=1.5)

    def test_effects_are_not_learnt_from_a_campaign(self, ran, there, settings):
        given = override(settings, {"plan.actions": [CALL]})
        with pytest.raises(ParamsError, match="leave --campaign out"):
            plan("subscriptions.csv", params=given, campaign="campaign.csv")

    @pytest.mark.parametrize("name", ["profit", "scenario"])
    def test_commands_for_purchases_refuse_contracts(self, ran, there, command, name):
        ended = command(name, "subscriptions.csv", "-o", name, "--set", "task=contracts", folder=there)
        assert ended.code == 2
        assert f"guanxi {name} works on purchases and their costs, not on contracts" in ended.error
        named = ("--model", "models:/guanxi-contracts@champion")
        ended = command(name, "subscriptions.csv", "-o", name, *named, folder=there)
        assert ended.code == 2
        assert "trained on contracts, and this command needs the value of purchases" in ended.error
        assert not (there / name).exists()


def lines(**change) -> pd.DataFrame:
    start = pd.to_datetime(np.resize(["2023-01-10", "2023-03-20", "2023-06-05"], 60))
    months = np.resize([4, 9, 14, 30, 30, 30], 60)
    end = [
        None if m == 30 else (s + pd.DateOffset(months=int(m))).date().isoformat()
        for s, m in zip(start, months, strict=True)
    ]
    table = pd.DataFrame(
        {"customer_id": range(60), "start": start.strftime("%Y-%m-%d"), "end": end, "amount": 20.0}
    )
    return table.assign(**change)


class TestBadInput:
    """Each ends in one line that says what, where, and what to do, or is handled as stated."""

    @pytest.fixture
    def train(self, command, tmp_path):
        def call(table: pd.DataFrame, *given: str):
            table.to_csv(tmp_path / "bad.csv", index=False)
            quick = ("--horizon", "90", "--set", "churn.lightgbm.n_estimators=5", "--as-of", "2025-01-31")
            return command("train", "bad.csv", "--task", "contracts", *quick, *given)

        return call

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"end": "2020-01-01"}, "end_before_start|end before|ends before"),
            ({"amount": -5.0}, "negative"),
            ({"end": None}, "nobody left at any of"),
            ({"start": "soon"}, "start"),
            ({"end": "2024-12-15"}, "nobody is under contract on 2025-01-31"),
        ],
        ids=["ends before starts", "negative amounts", "all still there", "no dates", "all gone"],
    )
    @pytest.mark.slow
    def test_data_that_nothing_can_be_learnt_from(self, train, change, message):
        ended = train(lines(**change))
        assert ended.code == 2, ended.err
        assert re.search(message, ended.error), ended.error
        assert len(ended.error.splitlines()) == 1

    @pytest.mark.slow
    def test_a_few_bad_lines_are_rejected_and_parallel_contracts_added_up(self, train):
        table = lines()
        table.loc[0, "end"], table.loc[1, "amount"] = "2020-01-01", -3.0
        ended = train(pd.concat([table, lines(start="2023-02-01", end=None).tail(5)]))
        assert ended.code == 0, ended.err
        assert "1.5% of the lines (1) were rejected because the contract ends before it starts" in ended.err
        assert "1.5% of the lines (1) were rejected because the amount is negative" in ended.err
        assert "overlaps" in ended.err

    @pytest.mark.slow
    def test_a_horizon_beyond_the_history(self, command, tmp_path):
        lines().to_csv(tmp_path / "short.csv", index=False)
        ended = command(
            "train", "short.csv", "--task", "contracts", "--horizon", "3000", "--as-of", "2025-01-31"
        )
        assert ended.code == 2
        assert "choose a shorter --horizon" in ended.error

    @pytest.mark.slow
    def test_nobody_stayed_a_whole_period(self, command, tmp_path):
        given = {"customer_id": range(40), "tenure": 0, "churned": ["Yes", "No"] * 20, "amount": 10.0}
        pd.DataFrame(given).to_csv(tmp_path / "new.csv", index=False)
        ended = command("train", "new.csv", "--task", "contracts")
        assert (ended.code, "nobody renewed at any of" in ended.error) == (2, True)

    def test_labels_options_are_refused(self, train):
        ended = train(lines(), "--label", "left")
        assert (ended.code, "--label and --id need --task labels" in ended.error) == (2, True)

    def test_run_needs_a_source(self, command):
        ended = command("run", "--task", "contracts")
        assert (ended.code, "--task contracts needs a SOURCE" in ended.error) == (2, True)

    def test_tuning_is_refused(self, train):
        ended = train(lines(), "--set", "churn.tuning.trials=3")
        assert (ended.code, "does not tune the trees" in ended.error) == (2, True)


QUICK = ("--task", "contracts", "--horizon", "365", "--set", "churn.lightgbm.n_estimators=10")


class TestFileOfCustomers:
    @pytest.fixture
    def customers(self) -> pd.DataFrame:
        random = np.random.default_rng(3)
        n = 300
        plan = random.choice(["month", "year"], n)
        rate = np.where(plan == "month", 0.08, 0.02)
        leaves = random.geometric(rate)
        seen = random.integers(0, 48, n)
        churned = leaves <= seen
        return pd.DataFrame(
            {
                "customer_id": [f"c{i:03d}" for i in range(n)],
                "tenure": np.minimum(leaves, seen),
                "churned": np.where(churned, "Yes", "No"),
                "amount": 30.0,
                "plan": plan,
                "reason": np.where(churned, "price", None),
            }
        )

    @pytest.mark.slow
    def test_a_leak_is_named(self, customers, command, tmp_path):
        customers.to_csv(tmp_path / "telco.csv", index=False)
        ended = command("train", "telco.csv", *QUICK)
        assert ended.code == 0, ended.err
        assert "column 'reason' alone tells who churned" in ended.err
        assert "there is no champion yet, because a column tells who left" in ended.out

    @pytest.mark.slow
    def test_a_column_that_leaks_is_excluded_and_churn_measured_at_every_renewal(
        self, customers, command, tmp_path
    ):
        customers.to_csv(tmp_path / "telco.csv", index=False)
        checked = command("validate", "telco.csv", *QUICK)
        assert checked.code == 0, checked.err
        assert "column 'reason' alone tells who churned" in checked.out
        ended = command("run", "telco.csv", *QUICK, "--exclude", "reason")
        assert ended.code == 0, ended.err
        told = r"Measured in cross-validation \([\d,]+ renewal opportunities of \d+ customers\)"
        assert re.search(told, ended.out), ended.out
        own, share = re.search(r"log loss (\S+) \(share of churners ([\d.]+)", ended.out).groups()
        assert float(own) < float(share)
        assert "churn      grade A, AUC" in ended.out
        assert "The file alone cannot tell" in ended.out
        store = task_store(open_store(load_params().mlflow), "contracts")
        assert read_aliases(store)["champion"] == "1"
        table = pd.read_parquet(tmp_path / "output" / "predictions.parquet")
        assert sorted(table["customer_id"]) == sorted(customers.query("churned == 'No'")["customer_id"])
        yearly = table.groupby("plan")["churn_probability"].mean()
        assert yearly["month"] > 2 * yearly["year"]
