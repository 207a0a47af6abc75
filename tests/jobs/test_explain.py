"""``guanxi explain``: one customer's numbers are those of the prediction table, and they add up."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import guanxi
from guanxi.data import datasets
from guanxi.errors import DataError, HistoryError, ParamsError
from guanxi.jobs.explain import explain, picture_path
from guanxi.jobs.train_labels import train_labels
from guanxi.params import load_params
from guanxi.pipeline.correction import BLEND
from guanxi.registry._bundle import log_bundle
from guanxi.registry._run_log import open_run
from guanxi.registry.loaded_model import export
from guanxi.registry.registration import register
from guanxi.registry.store import open_store
from guanxi.report.story import text

LABELS = "models:/guanxi-labels@champion"
PNG = b"\x89PNG\r\n"


@pytest.fixture
def here(first_run, monkeypatch):
    """The folder of the first run, as working folder."""
    monkeypatch.chdir(first_run.folder)
    return first_run.folder


@pytest.fixture(scope="module")
def blended(served, tmp_path_factory):
    """A model in Chinese whose churn has trees, a regression and a calibration, as a folder."""
    work = tmp_path_factory.mktemp("blended")
    blend, texts = served.corrections["churn"].options[BLEND]
    churn = dataclasses.replace(blend, slope=0.8, level=0.3)
    corrections = {**served.model.corrections, "churn": churn}
    model = dataclasses.replace(served.model, corrections=corrections, language="zh")
    changed = dataclasses.replace(served, model=model, trees=served.trees | {"churn": texts})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        store = open_store(load_params(None, [], {}).mlflow)
        (work / "files").mkdir()
        with open_run(store, {}) as run_id:
            uri = log_bundle(store, run_id, changed, work / "files", "cdnow-sample")
        export(store, register(store, run_id, uri, {}), work / "model")
    return str(work / "model")


def assert_adds_up(story):
    shown = float(story.scores["churn_probability"])
    assert story.base + story.effects.sum() == pytest.approx(logit(shown), abs=1e-4)
    assert story.points().sum() / 100 == pytest.approx(shown - expit(story.base), abs=1e-6)


class TestTransactions:
    def test_numbers_are_those_of_the_prediction_table(self, here, first_run, tmp_path):
        table = first_run.predictions.set_index("customer_id").drop(columns="model_version")
        table = table.loc[:, :"driver_1_text"]  # a story has as many columns as there are drivers
        for customer_id in table.index[[0, 5, 500]]:
            story = explain(customer_id, "cdnow-sample", tmp_path / "picture.png")
            told, row = story.scores[table.columns], table.loc[customer_id]
            pd.testing.assert_series_equal(told, row, rtol=1e-9, check_names=False, check_dtype=False)
            assert_adds_up(story)

    @pytest.mark.parametrize("asked", [{}, {"as_of": "1998-01-31", "horizon_days": 120}])
    @pytest.mark.slow
    def test_drivers_add_up_through_slope_and_level(self, here, blended, tmp_path, asked):
        given = {"model": blended, **asked}
        chinese = load_params(overrides=["language=zh"])  # as the model was trained
        table = guanxi.predict("cdnow-sample", drivers=3, params=chinese, **given).set_index("customer_id")
        for customer_id in ("0001", "0006", "0501"):
            story = explain(customer_id, "cdnow-sample", tmp_path / "picture.png", **given)
            row = table.loc[customer_id]
            assert story.scores["churn_probability"] == pytest.approx(row["churn_probability"], rel=1e-9)
            assert len(story.purchases) == row["frequency"] + 1
            assert (story.slope, story.level) == (0.8, 0.3)
            assert (story.effects != 0).sum() > 3
            for rank in (1, 2, 3):
                driver = row[f"driver_{rank}"]
                assert story.effects[driver] == pytest.approx(0.8 * row[f"driver_{rank}_effect"])
                assert story.texts[driver] == row[f"driver_{rank}_text"]
            assert_adds_up(story)

    @pytest.mark.slow
    def test_integer_customers(self, here, tmp_path):
        lines = datasets.load("cdnow-sample").astype({"customer_id": "int64"})
        story = explain("6", lines, tmp_path / "picture.png")
        assert story.scores["churn_probability"] == pytest.approx(
            explain("0006", "cdnow-sample", tmp_path / "picture.png").scores["churn_probability"]
        )

    def test_a_customer_of_later_days(self, here, tmp_path):
        firsts = datasets.load("cdnow-sample").groupby("customer_id")["timestamp"].min()
        late = firsts.idxmax()
        with pytest.raises(HistoryError, match=f"{late!r} had not bought by 1997-01-02: ask for 1997-"):
            explain(late, "cdnow-sample", tmp_path / "picture.png", as_of="1997-01-02")
        assert not (tmp_path / "picture.png").exists()

    def test_a_day_after_the_end_of_the_data(self, here, tmp_path):
        with pytest.warns(UserWarning, match="the data ends on 1998-06-30, 31 days before 1998-07-31"):
            explain("0001", "cdnow-sample", tmp_path / "picture.png", as_of="1998-07-31")


class TestCommand:
    def test_tells_and_draws(self, command, first_run):
        ended = command("explain", "0006", "cdnow-sample", folder=first_run.folder)
        assert ended.code == 0, ended.err
        assert ended.out.startswith("Customer 0006 (model version 1)\n\nWho, as of 1998-06-30\n")
        assert "Why (▲ points to leaving, ▼ to staying; log odds, percentage points)\n  ▼" in ended.out
        assert ended.out.endswith("\nexplain-0006.png\n")
        picture = first_run.folder / "explain-0006.png"
        assert picture.read_bytes().startswith(PNG)
        picture.unlink()  # other tests look at what the run left

    def test_speaks_the_models_language(self, command, first_run, blended, tmp_path):
        given = ("--model", blended, "-o", str(tmp_path / "new" / "客户.png"))
        ended = command("explain", "0006", "cdnow-sample", *given, folder=first_run.folder)
        assert ended.code == 0, ended.err
        assert ended.out.startswith("客户 0006（模型版本 ")
        assert "校准（已含在以上数字中）：斜率 0.800，水平 +0.300" in ended.out
        assert (tmp_path / "new" / "客户.png").read_bytes().startswith(PNG)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (("6",), "no customer '6' among its 2,357 customers: similar are '0006' and '0001'"),
            (("0006", "-o", "six.svg"), "six.svg: end the name in .png"),
            (("0006", "--as-of", "soon"), "as_of"),
        ],
    )
    def test_errors_end_in_one_line(self, command, first_run, given, message):
        customer_id, *more = given
        ended = command("explain", customer_id, "cdnow-sample", *more, folder=first_run.folder)
        assert ended.code == 2
        assert message in ended.error
        assert not list(first_run.folder.glob("*.svg"))

    def test_help_has_an_example(self, command):
        ended = command("explain", "--help")
        assert ended.code == 0
        assert "Example:\n    guanxi explain " in ended.out


@pytest.mark.parametrize(
    ("customer_id", "name"),
    [
        ("../../etc/passwd", "explain-..-..-etc-passwd-3754d6cb.png"),
        ("客户 7", "explain-客户-7-86e3d18f.png"),
        ("a" * 300, f"explain-{'a' * 150}-9835fa6b.png"),
    ],
)
def test_pictures_stay_in_the_working_folder(customer_id, name):
    assert str(picture_path(customer_id)) == name


def test_no_two_customers_share_a_picture():
    ids = ["A-7", "A/7", "A 7", "A?7", "客" * 200, "客" * 201, "客" * 50]
    names = [picture_path(customer_id).name for customer_id in ids]
    assert len(set(names)) == len(ids)
    assert max(len(name.encode()) for name in names) < 255


def customers(n: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    months, plan = random.integers(1, 72, n).astype(float), random.choice(["month", "year"], n)
    left = random.random(n) < expit(np.where(plan == "month", 1.5, -1.5) - 0.05 * (months - 36))
    months[random.random(n) < 0.1] = np.nan
    ids = [f"c{i:03}" for i in range(n)]
    return pd.DataFrame({"customer": ids, "left": left.astype(int), "months": months, "plan": plan})


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A model trained on labels, in a folder of its own."""
    folder = tmp_path_factory.mktemp("labels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        params = load_params(None, ["churn.lightgbm.n_estimators=40"], {})
        train_labels(customers(), label="left", id_column="customer", params=params)
    customers().drop(columns="left").to_csv(folder / "customers.csv", index=False)
    return SimpleNamespace(folder=folder, params=params)


class TestLabels:
    @pytest.mark.slow
    def test_numbers_are_those_of_the_prediction_table_and_add_up(self, labelled, monkeypatch, tmp_path):
        monkeypatch.chdir(labelled.folder)
        table = guanxi.predict(customers(), model=LABELS).set_index("customer_id")
        for customer_id in ("c000", "c017", "c299"):
            story = explain(customer_id, customers(), tmp_path / "picture.png", model=LABELS)
            row = table.loc[customer_id]
            assert story.scores["churn_probability"] == row["churn_probability"]
            assert story.effects[row["driver_1"]] == row["driver_1_effect"]
            assert story.texts[row["driver_1"]] == row["driver_1_text"]
            assert_adds_up(story)

    def test_tells_and_draws(self, labelled, command):
        given = ("explain", "c017", "customers.csv", "--model", LABELS)
        ended = command(*given, folder=labelled.folder)
        assert ended.code == 0, ended.err
        assert "Worth" not in ended.out
        assert "\n  churn probability: " in ended.out
        assert "  plan: " in ended.out
        assert (labelled.folder / "explain-c017.png").read_bytes().startswith(PNG)

    def test_unknown_customers_and_days_are_refused(self, labelled, monkeypatch, tmp_path):
        monkeypatch.chdir(labelled.folder)
        picture = tmp_path / "picture.png"
        with pytest.raises(DataError, match="'C17' among its 300 customers: similar are 'c017' and "):
            explain("C17", customers(), picture, model=LABELS)
        with pytest.raises(ParamsError, match="has no dates: leave --as-of and --horizon out"):
            explain("c017", customers(), picture, model=LABELS, as_of="2024-01-01", horizon_days=30)
        assert not picture.exists()

    @pytest.mark.slow
    def test_of_many_attributes_the_weaker_are_summed(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        random = np.random.default_rng(1)
        wide = pd.DataFrame(random.normal(size=(200, 34)), columns=[f"x{i}" for i in range(34)])
        left = (wide.sum(axis=1) + random.normal(size=200) > 0).astype(int)
        table = wide.assign(customer=[f"c{i}" for i in range(200)], left=left)
        small = load_params(
            None, ["churn.lightgbm.n_estimators=60", "churn.lightgbm.min_child_samples=5"], {}
        )
        train_labels(table, label="left", id_column="customer", params=small)
        story = explain("c7", table, tmp_path / "picture.png", model=LABELS)
        assert len(story.effects) == 34
        assert len(story.texts) == 20
        assert_adds_up(story)
        assert "other 24 drivers" in text(story)


def test_a_source_given_as_the_customer_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text("customer_id\nC7\n")
    for source in ("sales.csv", "cdnow", "duckdb://base.db::sales"):
        with pytest.raises(ParamsError, match=f"give the customer first, as in guanxi explain C7 {source}$"):
            explain(source, "C7")
