"""A wrong argument of a public function ends in one line of guanxi's own; a right one may be of any type."""

from __future__ import annotations

import datetime as dt
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi import simulation
from guanxi.data.transactions import read_transactions
from guanxi.errors import GuanxiError, ParamsError
from guanxi.features.snapshots import features_at
from guanxi.jobs.doctor import doctor
from guanxi.jobs.explain import explain
from guanxi.jobs.predict import predict_to
from guanxi.jobs.predict_spark import predict_spark
from guanxi.jobs.promote import promote
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.rollback import rollback
from guanxi.models import BetaGeoNBD, GammaGamma, prediction_intervals
from guanxi.params import Params, load_params, override, parse_columns

DAY = dt.date(1997, 9, 30)
FORMS_OF_A_DAY = [
    *("1997-09-30", "1997-09-30 23:59", DAY, dt.datetime(1997, 9, 30, 23, 59)),
    *(pd.Timestamp("1997-09-30 12:00"), np.datetime64("1997-09-30"), np.datetime64("1997-09-30T12", "ns")),
]
WRONG: tuple[Any, ...] = (
    *(None, 5, -1, 1.5, float("nan"), float("inf"), 10**40, True, "nonsense", "", b"x", object(), int),
    *([], {}, {1}, pd.NaT, np.datetime64("NaT"), pd.DataFrame(), np.array([1.0])),
)
OF_VALUE = (
    *("transactions_model", "spend_model", "rfm", "horizon", "annual_discount_rate", "margin", "time_unit"),
)
BG, SPEND = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
TINY = pd.DataFrame({"customer_id": ["a"], "timestamp": ["2020-01-01"], "amount": [1.0]})


@pytest.fixture(scope="module")
def rfm() -> pd.DataFrame:
    return guanxi.rfm("cdnow-sample", cutoff=DAY)


@pytest.fixture(scope="module")
def good(rfm: pd.DataFrame) -> dict[str, Any]:
    return {
        "source": TINY,
        "transactions": TINY,
        "transactions_model": BetaGeoNBD().fit(rfm),
        "spend_model": GammaGamma().fit(rfm),
        "rfm": rfm,
        "horizon": 30.0,
        "annual_discount_rate": 0.1,
        "output": "scores.parquet",
        "customer_id": "a",
        "log": read_transactions(TINY),
        "cutoff": DAY,
        "horizon_days": 30,
        "n": 2,
        "q": 0.5,
        "discount_rate": 0.01,
        "label": "label",
        "id_column": "customer_id",
    }


FUNCTIONS: dict[Callable[..., Any], tuple[str, ...]] = {
    guanxi.rfm: ("transactions", "cutoff", "time_unit", "params"),
    guanxi.train: ("source", "params", "horizon_days", "as_of"),
    guanxi.backtest: ("source", "folder", "params", "horizon_days", "as_of", "cutoffs"),
    guanxi.predict: ("output", "model", "params", "as_of", "horizon_days", "drivers"),
    guanxi.monitor: ("output", "model", "params", "as_of"),
    guanxi.train_labels: ("source", "label", "id_column", "params"),
    guanxi.customer_lifetime_value: (
        *(
            "transactions_model",
            "spend_model",
            "rfm",
            "horizon",
            "annual_discount_rate",
            "margin",
            "time_unit",
        ),
    ),
    guanxi.customer_equity: (
        *(
            "transactions_model",
            "spend_model",
            "rfm",
            "horizon",
            "annual_discount_rate",
            "margin",
            "time_unit",
        ),
    ),
    prediction_intervals: ("transactions_model", "spend_model", "rfm", "horizon", "level"),
    predict_to: ("output", "model", "params", "as_of", "horizon_days", "drivers"),
    predict_spark: ("source", "output", "model", "params", "as_of", "horizon_days", "drivers"),
    explain: ("customer_id", "output", "model", "params", "as_of", "horizon_days"),
    promote: ("params", "model"),
    rollback: ("params",),
    doctor: ("params",),
    guanxi.datasets.load: ("name",),
    read_transactions: ("source", "params"),
    features_at: ("cutoff",),
    load_params: ("path", "overrides"),
    override: ("params",),
    parse_columns: ("text",),
}
METHODS: dict[str, tuple[str, ...]] = {
    "fit": ("rfm",),
    "probability_alive": ("rfm", "later"),
    "expected_purchases": ("rfm", "horizon"),
    "expected_purchases_new": ("horizon",),
    "purchase_probability": ("rfm", "n", "horizon"),
    "probability_no_purchase": ("rfm", "horizon"),
    "next_purchase_quantile": ("rfm", "q"),
    "discounted_expected_residual_transactions": ("rfm", "discount_rate", "horizon"),
}


@pytest.mark.parametrize(
    ("function", "name"), [(function, name) for function, names in FUNCTIONS.items() for name in names]
)
@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments(
    function: Callable[..., Any],
    name: str,
    good: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    check_wrong_arguments(function, name, good)


@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method, names in METHODS.items() for name in names]
)
@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments_of_a_model(method: str, name: str, good: dict[str, Any]) -> None:
    model = good["transactions_model"] if method != "fit" else BetaGeoNBD()
    check_wrong_arguments(getattr(model, method), name, good | {"rfm": good["rfm"].head(20)})


SIMULATIONS: dict[Callable[..., Any], dict[str, Any]] = {
    simulation.simulate_bg_nbd: {"params": BG},
    simulation.simulate_transactions: {"model": "bg_nbd", "params": BG, "spend_params": SPEND},
    simulation.simulate_bg_bb: {"params": {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}},
    simulation.simulate_shifted_beta_geometric: {"params": {"alpha": 0.7, "beta": 1.2}, "periods": 7},
    simulation.simulate_beta_discrete_weibull: {
        "params": {"gamma": 0.5, "delta": 0.9, "c": 1.2},
        "periods": 7,
    },
}


@pytest.mark.parametrize("function", SIMULATIONS, ids=lambda each: each.__name__)
def test_wrong_arguments_of_a_simulation(function: Callable[..., Any]) -> None:
    given = {"n": 3, "T": 30, "seed": 1, **SIMULATIONS[function]}
    for name in inspect.signature(function).parameters:
        check_wrong_arguments(function, name, given)


@pytest.mark.parametrize("name", ["rfm"])
@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments_of_a_spend_model(name: str, good: dict[str, Any]) -> None:
    check_wrong_arguments(good["spend_model"].expected_spend, name, good)
    check_wrong_arguments(GammaGamma().fit, name, good)


def check_wrong_arguments(function: Callable[..., Any], name: str, good: dict[str, Any]) -> None:
    parameters = inspect.signature(function).parameters.values()
    given = {each.name: good.get(each.name, {}) for each in parameters if each.default is each.empty}
    for value in WRONG:
        found = None
        try:
            function(**given | {name: value})
        except Exception as error:
            found = error
        assert found is None or isinstance(found, GuanxiError), (name, value, found)
        assert "\n" not in str(found)


@pytest.mark.parametrize("day", FORMS_OF_A_DAY, ids=repr)
def test_a_day_of_any_type(day: Any, rfm: pd.DataFrame) -> None:
    """The whole day belongs to the past."""
    pd.testing.assert_frame_equal(guanxi.rfm("cdnow-sample", cutoff=day), rfm)
    assert override(Params(), {"as_of": day}).as_of == DAY


@pytest.mark.parametrize("days", [30, 30.0, np.int64(30), np.float32(30), "30"])
def test_whole_days_of_any_type(days: Any) -> None:
    found = override(Params(), {"horizon_days": days}).horizon_days
    assert (type(found), found) == (int, 30)


@pytest.mark.parametrize("days", [30.5, True, np.True_, float("nan"), "30.5", 0, [30]])
def test_what_is_not_a_number_of_days(days: Any) -> None:
    with pytest.raises(ParamsError, match=r"^parameter horizon_days = .* is not valid: "):
        override(Params(), {"horizon_days": days})


@pytest.mark.parametrize("rate", [10**400, "0.1", True, float("nan"), None])
def test_what_is_not_a_rate(rate: Any, good: dict[str, Any]) -> None:
    models = good["transactions_model"], good["spend_model"], good["rfm"]
    with pytest.raises(ParamsError, match=r"^annual_discount_rate is .*: give a finite number above -1"):
        guanxi.customer_lifetime_value(*models, 30.0, annual_discount_rate=rate)


@pytest.mark.parametrize(
    "cutoffs", [[DAY], {DAY}, DAY, "1997-09-30", pd.DatetimeIndex([DAY]), np.array([DAY], "M8")]
)
def test_cutoffs_of_any_type(cutoffs: Any) -> None:
    with pytest.raises(ParamsError, match="the 3650 days after cutoff 1997-09-30 end on"):
        guanxi.backtest("cdnow-sample", horizon_days=3650, cutoffs=cutoffs)


def test_parameters_from_a_path_or_its_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("seed: 4\n")
    assert load_params(path).seed == load_params(str(path)).seed == 4


def test_a_source_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("customer_id,timestamp,amount\n1,2020-01-01,5\n")
    assert read_transactions(path).lines_accepted == read_transactions(str(path)).lines_accepted == 1


def test_no_warning_of_a_library_reaches_the_caller() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        guanxi.rfm(TINY)
    assert [str(each.message) for each in caught] == []


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        (
            TINY.rename(columns={"customer_id": "CustomerID", "amount": "Total Price"}),
            ["data.columns.customer_id=CustomerID", "data.columns.amount=Total Price"],
        ),
        (TINY.assign(amount=[-5.0]), ["data.refunds=drop"]),
        (TINY.assign(timestamp=["01/02/2020"]), ["data.timestamp_format=%d/%m/%Y"]),
        (TINY.assign(amount=["1,500"]), ["data.decimal=."]),
    ],
)
def test_advice_is_for_python(table: pd.DataFrame, settings: list[str]) -> None:
    """Not the options of the command alone; what it says can be done."""
    params = f"params=guanxi.params.load_params(overrides={settings})"
    for function in (guanxi.rfm, guanxi.train, guanxi.backtest):
        with pytest.raises(GuanxiError) as refused:
            function(table)
        section = ".data" if function is guanxi.rfm else ""
        assert str(refused.value).endswith(f"; in Python, such settings are {params}{section}")
    load_params(overrides=settings)


def test_advice_to_the_command_line_is_as_it_was() -> None:
    with pytest.raises(GuanxiError) as refused:
        guanxi.train(TINY.rename(columns={"amount": "Total"}), progress=Reporter())
    assert "--columns amount=Total" in str(refused.value)
    assert "in Python" not in str(refused.value)
    with pytest.warns(UserWarning, match=r"--set data\.x=1\); in Python, .*overrides=\['data.x=1'\]\)$"):
        Reporter().warn("something (--set data.x=1)")
