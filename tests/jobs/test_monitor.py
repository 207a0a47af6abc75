"""``guanxi monitor``: a model trained early, and what the days after it brought."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.data import datasets
from guanxi.errors import DataError, ParamsError, RegistryError
from guanxi.evaluation.metrics import auc, bias
from guanxi.evaluation.monitoring.verdict import Verdict
from guanxi.jobs.monitor import summary_text
from guanxi.jobs.train_labels import train_labels
from guanxi.params import load_params
from guanxi.registry.loaded_model import export
from guanxi.registry.store import open_store

DAY = "1998-01-31"
LABELS = "models:/guanxi-labels@champion"


def sample() -> pd.DataFrame:
    """The CDNOW sample with a category whose values come and go, and a channel."""
    lines = datasets.load("cdnow-sample")
    genres = np.array(["rock", "pop", "jazz", "folk"])[np.arange(len(lines)) % 4]
    return lines.assign(category=genres, channel="web")


def with_new_category() -> pd.DataFrame:
    lines = sample()
    late = lines["timestamp"] > pd.Timestamp(DAY)
    lines.loc[late & (lines.index % 2 == 0), "category"] = "audio book"
    return lines


def with_other_prices() -> pd.DataFrame:
    lines = sample()
    return lines.assign(amount=3 * lines["amount"])


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """A model trained five months before the end of the data, and what it predicted then."""
    folder = tmp_path_factory.mktemp("early")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = ["horizon_days=60", "churn.snapshot_spacing_days=400"]
        params = load_params(None, given, {})
        training = guanxi.train(sample(), params=params, as_of=DAY)
        predictions = guanxi.predict(sample(), "scores.csv", as_of=DAY, drivers=0)
        export(training.store, "1", folder / "exported")
    sample().to_parquet(folder / "lines.parquet")
    return SimpleNamespace(folder=folder, training=training, predictions=predictions)


@pytest.fixture
def monitor(early, monkeypatch):
    """``guanxi.monitor`` in the folder of the early model."""
    monkeypatch.chdir(early.folder)
    return guanxi.monitor


class TestProfile:
    def test_is_small_and_holds_no_customer(self, early):
        path = early.folder / "exported" / "artifacts" / "profile.json"
        text = path.read_text(encoding="utf-8")
        assert len(text) < 20_000
        profile = json.loads(text)
        assert profile["customers"] == 2357
        assert profile["lines"] == {"read": 6919, "rejected": 0}
        assert len(profile["categories"]["category"]["values"]) == 4
        assert "rock" not in text
        names = datasets.load("cdnow-sample")["customer_id"].unique()
        assert not [name for name in names if f'"{name}"' in text]

    def test_holds_what_was_measured_on_the_held_out_window(self, early):
        profile = json.loads((early.folder / "exported" / "artifacts" / "profile.json").read_text("utf-8"))
        rows = {(row["target"], row["metric"]): row for row in profile["held_out"]}
        own = early.training.holdout
        for target, metric in (("churn", "auc"), ("purchases", "bias"), ("spend", "bias")):
            row = rows[target, metric]
            assert row["value"] == pytest.approx(own.value(target, metric))
            assert row["lower"] < row["value"] < row["upper"]

    def test_a_model_without_one_says_what_to_do(self, monitor, early, tmp_path):
        older = tmp_path / "older"
        shutil.copytree(early.folder / "exported", older)
        code = older / "guanxi_model.py"
        text = code.read_text(encoding="utf-8")
        line = '        self.profile = context.artifacts.get("profile")\n'
        assert text.count(line) == 1
        # Code that does not know how to be loaded without MLflow is older still.
        code.write_text(text.replace(line, "").replace("guanxi_without_mlflow", "other"), encoding="utf-8")
        with pytest.raises(RegistryError, match="kept no training profile: train it again with guanxi train"):
            monitor(sample(), model=str(older))


class TestSameProcess:
    def test_the_training_data_itself_is_fine(self, monitor):
        found = monitor(sample(), as_of=DAY)
        assert found.verdict is Verdict.ok
        assert found.reasons == []
        assert (found.drift["psi"] == 0.0).all()
        assert "1998-04-01 (60 more days)" in found.realised.note

    def test_a_month_later_the_older_customers_are_no_drift(self, monitor):
        found = monitor(sample(), as_of="1998-02-28")
        drift = found.drift.set_index("name")
        assert drift.loc["T", "psi"] > 1.0
        assert drift.loc["T", "drift"] == 0.0
        assert found.verdict is Verdict.ok

    @pytest.mark.slow
    def test_a_log_that_ended_long_before(self, monitor, tmp_path):
        told = "the data ends on 1998-06-30, 550 days before 2000-01-01"
        with pytest.warns(UserWarning, match=told):
            found = monitor(sample(), tmp_path / "report.json", as_of="2000-01-01")
        assert any(told in reason.text for reason in found.reasons)
        assert told in summary_text(found)
        assert told in (tmp_path / "report.json").read_text("utf-8")


class TestDrift:
    def test_three_times_the_prices(self, monitor):
        found = monitor(with_other_prices(), as_of="1998-02-28")
        assert found.verdict is Verdict.retrain
        assert any(reason.text.startswith("clv drifted") for reason in found.reasons)

    def test_new_categories_since_training(self, monitor):
        found = monitor(with_new_category(), as_of="1998-02-28")
        assert found.verdict is Verdict.watch
        text = "have a category not seen in training, such as 'audio book' (usual: 0.0%)"
        # Its buyers also have more categories each, which may be drift enough to be another reason.
        assert [reason.text for reason in found.reasons if text in reason.text]
        others = [reason.text for reason in found.reasons if text not in reason.text]
        assert all("category_count" in each for each in others)

    @pytest.mark.slow
    def test_half_of_the_lines_cannot_be_read(self, monitor):
        lines = sample().astype({"amount": object})
        broken = lines.sample(frac=1.0, random_state=0).assign(amount="n/a")
        with pytest.warns(UserWarning, match=r"50.0% of the lines .* rejected because no amount is given"):
            found = monitor(pd.concat([lines, broken]), as_of="1998-02-28")
        assert found.verdict is Verdict.watch
        assert "of all lines were rejected: look at the source" in found.reasons[0].text


class TestRealisedPerformance:
    @pytest.mark.slow
    def test_the_model_scores_the_day_a_horizon_ago_again(self, monitor):
        found = monitor(sample())
        realised = found.realised
        assert (str(realised.as_of), str(realised.until)) == ("1998-05-01", "1998-06-30")
        scores = guanxi.predict(sample(), as_of="1998-05-01", drivers=0).set_index("customer_id")
        lines = sample()
        buyers = lines.loc[lines["timestamp"].dt.date > realised.as_of, "customer_id"].unique()
        stayed = scores.index.isin(buyers)
        measured = {(row["target"], row["metric"]): row["value"] for row in realised.measures}
        assert measured["churn", "auc"] == pytest.approx(auc(~stayed, scores["churn_probability"]))
        assert measured["churn", "bias"] == pytest.approx(bias(~stayed, scores["churn_probability"]))
        assert found.facts["horizon_days"] == 60

    @pytest.mark.slow
    def test_a_table_that_predict_wrote_gives_the_same_as_scoring_again(self, monitor):
        again = monitor(sample(), as_of="1998-04-01").realised
        read = monitor(sample(), predictions="scores.csv").realised
        assert (read.as_of, read.until, read.absent, read.note) == (again.as_of, again.until, 0, "")
        for own, other in zip(read.measures, again.measures, strict=True):
            assert own["value"] == pytest.approx(other["value"], rel=1e-9)
        assert read.then == again.then != []

    def test_everybody_left(self, monitor):
        lines = sample()
        gone = lines[lines["timestamp"] <= pd.Timestamp("1998-01-31 23:59")]
        last = gone.tail(1).assign(timestamp=pd.Timestamp("1998-06-30"), customer_id="new")
        found = monitor(pd.concat([gone, last]), predictions="scores.csv")
        assert found.verdict is Verdict.retrain
        assert "no customer bought in the forecast window" in [each.text for each in found.reasons]

    @pytest.mark.slow
    def test_predictions_of_another_version_are_shown_and_not_judged(self, monitor, early, tmp_path):
        path = tmp_path / "old.parquet"
        early.predictions.assign(model_version="7").to_parquet(path)
        realised = monitor(sample(), predictions=str(path)).realised
        assert realised.measures
        assert realised.then == []
        assert "made by version 7" in realised.note

    def test_days_the_model_was_trained_on_are_shown_and_not_judged(self, monitor, early, tmp_path):
        path = tmp_path / "before.parquet"
        early.predictions.assign(as_of="1997-12-31").to_parquet(path)
        realised = monitor(sample(), predictions=str(path)).realised
        assert realised.measures
        assert realised.then == []
        assert "days that the model was trained on (up to 1998-01-31)" in realised.note

    @pytest.mark.slow
    def test_customers_that_the_source_does_not_know(self, monitor, early, tmp_path):
        some = sample()[sample()["customer_id"] > "0400"]
        realised = monitor(some, predictions="scores.csv").realised
        assert 0 < realised.absent < 1200
        assert f"{realised.absent:,} of them are not in the source" in realised.note
        with pytest.raises(DataError, match=r"had not bought by 1998-01-31 in .*: give the source"):
            monitor(sample().assign(customer_id="x" + sample()["customer_id"]), predictions="scores.csv")


class TestCommand:
    @pytest.mark.parametrize(
        ("lines", "code", "verdict"),
        [(sample, 0, "ok"), (with_new_category, 3, "watch"), (with_other_prices, 4, "retrain")],
    )
    def test_exit_codes_and_the_run_in_mlflow(self, command, early, tmp_path, lines, code, verdict):
        lines().to_parquet(tmp_path / "lines.parquet")
        report = tmp_path / "new" / "monitor.json"
        given = ("--as-of", "1998-02-28", "-o", str(report))
        ended = command("monitor", str(tmp_path / "lines.parquet"), *given, folder=early.folder)
        assert ended.code == code, ended.out + ended.err
        assert f"\nVerdict: {verdict}" in ended.out
        assert json.loads(report.read_text(encoding="utf-8"))["verdict"] == verdict
        store = open_store(load_params(None, [], {}).mlflow)
        run = store.client.search_runs([store.experiment_id], max_results=1)[0]
        assert run.info.run_name == "monitor"
        tags = run.data.tags
        assert (tags["guanxi.verdict"], tags["guanxi.model_version"]) == (verdict, "1")
        assert {"psi_T", "psi_clv", "drift_clv", "mean_clv", "rejected_share"} <= set(run.data.metrics)
        assert [each.path for each in store.client.list_artifacts(run.info.run_id)] == ["monitor.json"]

    @pytest.mark.slow
    def test_prints_measures_beside_those_of_training(self, command, early):
        ended = command("monitor", "lines.parquet", "--predictions", "scores.csv", folder=early.folder)
        assert ended.code in (0, 3, 4)
        assert "Predictions of scores.csv on 1998-01-31 against what happened up to 1998-04-01" in ended.out
        assert "(second: held out in training)" in ended.out
        assert "  churn AUC " in ended.out

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (("lines.parquet", "--as-of", "1990-01-01"), "nobody had bought by 1990-01-01"),
            (("lines.parquet", "--predictions", "absent.csv"), "absent.csv: no such file"),
            (("lines.parquet", "--set", "monitor.psi=1"), "monitor.psi"),
            (("lines.parquet", "--set", "data.event_grain=W"), "trained with data.event_grain=D"),
        ],
    )
    def test_errors_end_in_one_line(self, command, early, given, message):
        ended = command("monitor", *given, folder=early.folder)
        assert ended.code == 2
        assert message in ended.error


def customers(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    months, plan = random.integers(1, 72, n).astype(float), random.choice(["month", "year"], n)
    left = random.random(n) < np.where(plan == "month", 0.6, 0.2)
    months[random.random(n) < 0.1] = np.nan
    ids = [f"c{i}" for i in range(n)]
    return pd.DataFrame({"customer": ids, "left": left.astype(int), "months": months, "plan": plan})


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """The folder of a model trained on labels."""
    folder = tmp_path_factory.mktemp("labels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        params = load_params(None, ["churn.lightgbm.n_estimators=40"], {})
        train_labels(customers(600, 0), label="left", id_column="customer", params=params)
    return folder


class TestLabels:
    @pytest.fixture
    def monitor(self, labelled, monkeypatch):
        monkeypatch.chdir(labelled)
        return lambda source, **given: guanxi.monitor(source, model=LABELS, **given)

    def test_new_customers_of_the_same_kind(self, monitor):
        found = monitor(customers(300, 1))
        assert found.verdict is Verdict.ok
        assert found.realised is None
        assert set(found.drift["name"]) == {"churn_probability", "months", "plan"}

    def test_other_attributes_and_unseen_categories(self, monitor):
        found = monitor(customers(300, 1).assign(plan="month"))
        assert found.verdict is Verdict.retrain
        assert found.reasons[0].text.startswith("churn_probability drifted")
        new = customers(300, 1)
        new.loc[:50, "plan"] = "decade"
        texts = [reason.text for reason in monitor(new).reasons]
        assert (
            "17.0% of the customers have a plan not seen in training, such as 'decade' (usual: 0.0%)" in texts
        )

    def test_days_and_predictions_are_refused(self, monitor):
        with pytest.raises(ParamsError, match="has no dates: leave --as-of out"):
            monitor(customers(300, 1), as_of=DAY)
        with pytest.raises(ParamsError, match="has no dates: leave --predictions out"):
            monitor(customers(300, 1), predictions="scores.csv")
