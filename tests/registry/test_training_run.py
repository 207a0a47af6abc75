"""What a training leaves in MLflow."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

OTHERS = {
    *("value model alone", "trees alone", "naive (own past rate)", "naive (last window repeated)"),
    *("naive (silent for w days)", "naive (RFM logistic)"),
}


@pytest.fixture
def version(store):
    return store.client.get_model_version("guanxi", "1")


@pytest.fixture
def parent(store, version):
    return store.client.get_run(version.run_id)


@pytest.fixture
def children(store, parent):
    found = store.client.search_runs(
        [store.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    )
    return {run.info.run_name: run for run in found}


def test_parent_is_finished_and_has_a_child_for_each_model(parent, children):
    assert parent.info.status == "FINISHED"
    assert set(children) - OTHERS == {"transactions bg_nbd", "transactions mbg_nbd", "spend", "churn"}


def test_parameters_are_flat_and_resolved(parent):
    params = parent.data.params
    assert params["horizon_days"] == "60"
    assert params["churn.lightgbm.num_leaves"] == "5"
    assert params["clv.interval"] == "0.9"
    assert params["as_of"] == "1998-06-30"
    assert params["source"] == "cdnow-sample"


def test_children_hold_the_estimates(children):
    purchases = children["transactions bg_nbd"].data
    assert {"r", "alpha", "a", "b"} <= set(purchases.params)
    assert {"p", "q", "v"} <= set(children["spend"].data.params)
    assert purchases.tags["guanxi.fitted_model"] == "bg_nbd"
    assert children["transactions mbg_nbd"].data.tags["guanxi.fitted_model"] == "mbg_nbd"
    assert purchases.metrics["log_likelihood"] < 0
    assert children["churn"].data.metrics["rounds"] >= 1
    assert "churn_auc" in children["churn"].data.metrics
    assert {"purchases_mae", "purchases_pit_ks", "purchases_coverage"} <= set(purchases.metrics)


def test_each_model_that_guanxi_is_compared_with_is_a_child_with_the_same_metrics(parent, children):
    names = {"churn_auc", "churn_log_loss", "purchases_mae", "spend_mae"}
    assert names <= set(parent.data.metrics)
    assert set(children) >= OTHERS
    for name in ("value model alone", "trees alone", "naive (own past rate)"):
        assert names <= set(children[name].data.metrics)
    assert "churn_auc" in children["naive (RFM logistic)"].data.metrics
    assert not [name for name in parent.data.metrics if "naive" in name or " " in name]


def test_the_run_is_named_after_data_horizon_day_and_model_and_lasts_as_long_as_the_training(parent):
    assert parent.info.run_name == "cdnow-sample 60 d from 1998-06-30 bg_nbd + mbg_nbd"
    assert parent.info.end_time - parent.info.start_time > 1000


def test_parameters_are_those_that_a_training_depends_on(parent):
    params = parent.data.params
    assert not [name for name, value in params.items() if value in ("None", "{}", "[]")]
    assert not [name for name in params if name.startswith(("scorecard.", "plan.", "campaign.", "monitor."))]


def test_grades_can_be_sorted_by(parent):
    start = "guanxi.grade."
    letters = {name[len(start) :]: tag for name, tag in parent.data.tags.items() if name.startswith(start)}
    assert set(letters) == {"churn", "purchases", "spend"}
    for name, letter in letters.items():
        assert parent.data.metrics[f"grade_{name}"] == {"A": 3, "B": 2, "C": 1}[letter]


def test_correction_losses_are_kept_for_every_target(store, parent, served, tmp_path):
    path = store.client.download_artifacts(parent.info.run_id, "corrections/losses.csv", str(tmp_path))
    kept = pd.read_csv(path)
    expected = pd.concat([each.losses for each in served.corrections.values()], ignore_index=True)
    assert kept["model"].tolist() == expected["model"].tolist()
    assert kept["loss"].tolist() == pytest.approx(expected["loss"].tolist(), rel=1e-12)
    assert set(kept["target"]) == {"churn", "purchases", "spend"}


def test_tags_name_versions_days_and_the_commit(store, parent):
    tags = parent.data.tags
    assert tags["guanxi.as_of"] == "1998-06-30"
    assert tags["guanxi.twin_as_of"] == "1998-05-01"
    assert tags["guanxi.purchase_models"].startswith("counts by the mean of bg_nbd + mbg_nbd")
    assert tags["guanxi.fit_notes"] == "none"
    # The run worked in a folder outside any repository.
    assert "mlflow.source.git.commit" not in tags


def test_commit_is_tagged_inside_a_repository(tmp_path, monkeypatch):
    import subprocess

    from guanxi.registry.log import _git_tags

    monkeypatch.chdir(tmp_path)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert _git_tags()["mlflow.source.git.commit"] == head.strip()
    assert _git_tags()["guanxi.git_dirty"] == "false"
    (tmp_path / "new").touch()
    assert _git_tags()["guanxi.git_dirty"] == "true"


def test_artifacts(store, parent):
    def listed(path: str = "") -> set[str]:
        return {item.path for item in store.client.list_artifacts(parent.info.run_id, path)}

    assert {"params.yaml", "usability.json", "report.html"} <= listed()
    names = ("calibration", "purchases_by_frequency", "tracking", "lift", "shap_summary")
    assert listed("figures") == {f"figures/{name}.png" for name in names}


def test_parameter_file_gives_the_same_parameters_again(store, parent, quick_params, tmp_path):
    from guanxi.params import load_params

    path = store.client.download_artifacts(parent.info.run_id, "params.yaml", str(tmp_path))
    assert load_params(tmp_path / "params.yaml") == quick_params
    with open(path, encoding="utf-8") as file:
        assert yaml.safe_load(file)["horizon_days"] == 60


def test_usability_report_has_the_counts(store, parent, tmp_path):
    path = store.client.download_artifacts(parent.info.run_id, "usability.json", str(tmp_path))
    facts = pd.read_json(path, typ="series")
    assert facts["lines_read"] == facts["lines_accepted"] == 6919


def test_dataset_input_carries_the_digest_of_all_lines(parent, sample_log):
    from guanxi.data.transactions import data_digest

    (dataset,) = parent.inputs.dataset_inputs
    assert dataset.dataset.digest == data_digest(sample_log)


def test_version_passed_the_test_and_is_candidate_and_champion(second_run, store):
    version = store.client.get_model_version("guanxi", "1")
    assert version.tags["guanxi.smoke_test"] == "passed"
    assert version.tags["guanxi.horizon_days"] == "60"
    assert version.aliases == ["champion"]
    assert store.client.get_model_version("guanxi", "2").aliases == ["candidate"]
    assert version.tags["guanxi.status"] == "champion"
    assert store.client.get_model_version("guanxi", "2").tags["guanxi.status"] == "refused"


def test_description_is_a_card_of_data_measures_limits_and_parameters(store):
    from guanxi.registry.card import add_decision

    card = store.client.get_model_version("guanxi", "1").description
    headings = ["Data", "Predictions", "Measured on 1998-05-02 to 1998-06-30", "Limits", "Parameters"]
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == headings
    for part in ("cdnow-sample: 2,357 customers, 6,919 of 6,919 lines", "horizon_days=60", "refunds net"):
        assert part in card
    assert "| churn | A | auc | 0.85" in card
    for text in ("first", "x" * 9000):
        add_decision(store, "1", text)
        longer = store.client.get_model_version("guanxi", "1").description
        assert longer.startswith(card)
        # What the registry's column takes in PostgreSQL.
        assert len(longer) <= 5000
    assert "first" not in longer


def test_twin_and_held_out_customers_are_kept_without_names(store, parent, first_run, tmp_path):
    from guanxi.registry.twins import load_twin

    twin = load_twin(store, "1")
    assert (twin.as_of.isoformat(), twin.model.horizon_days, twin.model.window_days) == ("1998-05-01", 60, 60)
    kept = twin.held_out(60)
    assert len(kept) == 2357
    assert kept["customer_hash"].is_unique
    assert not set(kept["customer_hash"]) & set(first_run.predictions["customer_id"].astype(str))
    metrics = parent.data.metrics
    own = twin.model.predict(kept, horizon_days=60, drivers=0)
    error = (own["expected_purchases"] - kept["purchases"]).abs().mean()
    assert error == pytest.approx(metrics["purchases_mae"], rel=1e-9)
