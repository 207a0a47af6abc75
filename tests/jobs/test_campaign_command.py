"""``guanxi campaign``: its files, page, run and messages."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.decisions.campaign import campaign_answer, campaign_summary
from guanxi.params import Params
from guanxi.registry.store import open_store

COVARIATES = '["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]'


@pytest.fixture
def hillstrom(command, shared_data, tmp_path):
    def run(*arguments: str):
        return command(
            *("campaign", str(shared_data / "hillstrom.parquet"), "-o", str(tmp_path / "out")),
            *("--set", 'campaign.columns={"arm": "segment"}', "--set", "campaign.control=No E-Mail"),
            *("--set", 'campaign.outcomes=["visit", "conversion", "spend"]'),
            *("--set", f"campaign.covariates={COVARIATES}", "--set", "campaign.uplift=false", *arguments),
        )

    return run


def test_hillstrom_without_a_log(hillstrom, tmp_path):
    ended = hillstrom("--set", "campaign.randomised=true")
    assert ended.code == 0, ended.err
    assert "Mens E-Mail raised visit from 10.6" in ended.out
    table = pd.read_parquet(tmp_path / "out" / "effects.parquet")
    assert list(table)[:9] == [
        *("outcome", "arm", "method", "kind", "estimate", "lower", "upper", "baseline", "n"),
    ]
    assert len(table) == 3 * 2 * 2
    assert set(table["kind"]) == {"effect"}
    visit = table[(table["outcome"] == "visit") & (table["method"] == "difference")].set_index("arm")
    assert visit["baseline"].round(3).unique().tolist() == [0.106]
    assert visit["treated_mean"].round(3).to_dict() == {"Mens E-Mail": 0.183, "Womens E-Mail": 0.151}
    plain, adjusted = (table[table["method"] == name].reset_index() for name in ("difference", "adjusted"))
    assert ((adjusted["upper"] - adjusted["lower"]) < (plain["upper"] - plain["lower"])).all()
    assert adjusted["estimate"].between(plain["lower"], plain["upper"]).all()
    assert (adjusted["variance_saved"] > 0).all()
    document = json.loads((tmp_path / "out" / "campaign.json").read_text(encoding="utf-8"))
    assert document["settings"]["control"] == "No E-Mail"
    page = (tmp_path / "out" / "campaign.html").read_text(encoding="utf-8")
    assert "Did the campaign work?" in page
    assert "data:image/svg+xml" in page


@pytest.mark.slow
def test_what_was_not_randomised_names_its_assumption(shared_data):
    rows = pd.read_parquet(shared_data / "hillstrom.parquet").query("segment != 'Womens E-Mail'")[:6000]
    campaign = {
        "columns": {"arm": "segment"},
        "control": "No E-Mail",
        "outcomes": ["visit"],
        "covariates": ["recency", "history", "mens", "newbie"],
    }
    given = Params(campaign=campaign)
    found = guanxi.campaign(rows, params=given)
    table = found.effects.table.set_index("method")
    assert table.loc["difference", "kind"] == "difference"
    assert {"doubly_robust_ate", "doubly_robust_att"} <= set(table.index)
    text = campaign_summary(found, given)
    if table.loc["doubly_robust_ate", "kind"] == "effect":
        assert "This assumes that nothing that is not among the covariates decided both" in text
    chinese = campaign_answer(found, given.model_copy(update={"language": "zh"}))
    assert chinese.title == "活动有效吗？"
    assert "assumptions" in [chapter.anchor for chapter in chinese.chapters]


@pytest.fixture(scope="module")
def mailing(tmp_path_factory) -> str:
    """Half of the customers of CDNOW's sample, mailed on 1 July 1997, which changed nothing."""
    customers = np.unique(guanxi.datasets.load_cdnow_sample()["customer_id"])
    treated = np.random.default_rng(5).random(len(customers)) < 0.5
    file = pd.DataFrame({"customer_id": customers, "arm": np.where(treated, "mail", "control")})
    file["date"], file["cost"], file["sent"] = "1997-07-01", np.where(treated, 0.4, np.nan), treated
    file["opened"] = treated & (np.arange(len(customers)) % 3 == 0)
    path = tmp_path_factory.mktemp("mailing") / "mailing.csv"
    file.to_csv(path, index=False)
    return str(path)


@pytest.mark.slow
def test_a_log_and_a_run(command, mailing, tmp_path):
    ended = command(
        *("campaign", mailing, "cdnow-sample", "-o", "out", "--horizon", "60"),
        *("--set", "campaign.randomised=true", "--set", 'campaign.benchmarks={"purchase": 0.5}'),
    )
    assert ended.code == 0, ended.err
    assert "mail cost 0.400 per customer treated" in ended.out
    folder = tmp_path / "out"
    files = {path.name for path in folder.iterdir()}
    assert {"effects.parquet", "power.parquet", "sample_ratio.csv", "indicators.csv", "funnel.csv"} <= files
    assert "uplift.parquet" in files
    effects = pd.read_parquet(folder / "effects.parquet")
    assert set(effects["outcome"]) == {"purchase", "purchase_count", "spend", "profit", "churn", "clv_change"}
    funnel = pd.read_parquet(folder / "funnel.parquet")
    assert funnel.loc[(funnel["step"] == "opened") & (funnel["by"] == "all"), "rate"].iloc[
        0
    ] == pytest.approx(1 / 3, abs=0.03)
    uplift = pd.read_parquet(folder / "uplift.parquet")
    assert len(uplift) == 2357
    store = open_store(Params(mlflow={"tracking_uri": f"sqlite:///{tmp_path}/mlruns/mlflow.db"}).mlflow)
    (run,) = store.client.search_runs([store.experiment_id])
    assert run.data.metrics["spend_mail_lower"] < run.data.metrics["spend_mail_upper"]


@pytest.mark.slow
def test_errors_are_one_line_and_leave_nothing(command, mailing, tmp_path):
    ended = command("campaign", mailing, "cdnow-sample", "-o", "out", "--horizon", "400")
    assert ended.code == 2
    assert ended.error.startswith(f"guanxi: {mailing}: the outcomes of 400 days end on 1998-08-04, after the")
    assert not (tmp_path / "out").exists()
    ended = command("campaign", mailing, "-o", "out")
    assert ended.code == 2
    assert "nothing to measure: name the columns of outcomes" in ended.error


@pytest.mark.slow
def test_a_champion_trained_later_is_used_only_if_it_is_named(
    command, copy_store, first_run, mailing, tmp_path
):
    copy_store(first_run.folder, tmp_path)
    settings = ("--set", "campaign.uplift=false", "--set", "campaign.randomised=true")
    given = ("campaign", mailing, "cdnow-sample", "--horizon", "60", *settings)
    ended = command(*given, "-o", "own")
    assert ended.code == 0, ended.err
    assert "the champion was trained until 1998-06-30, after the campaign began: not used" in ended.err
    ended = command(*given, "-o", "named", "--model", "models:/guanxi@champion")
    assert ended.code == 0, ended.err
    assert (
        "knows days of the campaign, which began on 1997-07-01: better name one trained before" in ended.err
    )
    named = json.loads((tmp_path / "named" / "campaign.json").read_text(encoding="utf-8"))
    assert "churn_probability" in named["settings"]["adjusted_by"]


@pytest.mark.slow
def test_a_champion_of_other_data_is_not_used_unless_it_is_named(command, copy_store, first_run, tmp_path):
    copy_store(first_run.folder, tmp_path)
    lines = guanxi.datasets.load_cdnow_sample().drop(columns="quantity")
    lines["timestamp"] += pd.Timedelta(days=730)
    lines.to_csv(tmp_path / "sales.csv", index=False)
    customers = lines["customer_id"].drop_duplicates().sort_values()
    file = pd.DataFrame({"customer_id": customers, "date": "2000-02-01"})
    file["arm"] = np.where(np.arange(len(file)) % 2 == 0, "control", "mail")
    file.to_csv(tmp_path / "mailing.csv", index=False)
    settings = ("--set", "campaign.uplift=false", "--set", "campaign.randomised=true")
    given = ("campaign", "mailing.csv", "sales.csv", "--horizon", "60", *settings)
    ended = command(*given, "-o", "own")
    assert ended.code == 0, ended.err
    assert "the champion cannot score this source and is not used: model" in ended.err
    ended = command(*given, "-o", "named", "--model", "models:/guanxi@champion")
    assert ended.code != 0
    assert "needs features that this data does not provide" in ended.error
