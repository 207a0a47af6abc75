"""``guanxi scenario``: what customer equity would be if margins, retention, orders, costs or rates moved."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.relations.tables import read_relations
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.decisions.answer import Answer
from guanxi.decisions.scenarios import TABLES, Newcomer, ScenarioInputs, answer_scenarios
from guanxi.features.acquisition import acquisitions
from guanxi.features.relations.customer_features import relation_features
from guanxi.features.relations.customer_totals import totals_at
from guanxi.features.rhythm import rhythm_at
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs._only_purchases import refuse_contracts
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs.predict import _load_valuing, _score_customers
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.pipeline.new_customers import new_customer_values
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.segments.lifecycle import lifecycle_stages
from guanxi.segments.rfm_cells import rfm_cells

_RFM = ("rfm_segment", "rfm_cell", "recency_score", "frequency_score", "monetary_score")


@advises_in_python()
@leave_mlflow_alone()
def scenario(
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    progress: bool | Reporter = False,
) -> Answer:
    """Value the customers today, with each lever moved, and in the scenarios of ``params.scenario``.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    output : path, optional
        Folder for the tables and the page ``scenario.html``; without it nothing is written or logged.
    model : str, optional
        MLflow address of the model that values the customers; default: the champion. Horizon, margin and
        discount rate are as it was trained.
    params, as_of, progress : optional
        As in :func:`guanxi.predict`.

    Returns
    -------
    Answer
        ``tables`` by name (``scenarios, levers, tornado, elasticities``), ``metrics``, ``chapters`` of the
        page.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.scenario("cdnow-sample").tables["tornado"]  # doctest: +SKIP
    """
    settings = override(params if params is not None else load_params(), {"as_of": as_of})
    refuse_contracts("scenario", settings)
    teller, name = reporter_of(progress), source_name(source)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_answer_folder(folder, "scenario", TABLES)
    teller.expect(4 + 2 * (folder is not None))
    loaded = _load_valuing(model, settings, teller)
    with teller.step(f"read {name}"):
        log = read_transactions(source, settings.data)
    try:
        show_findings(log, teller)
        day = last_day_used(log, settings, teller)
        inputs = _inputs(log, day, loaded, settings, teller)
    finally:
        log.close()
    with teller.step("value the scenarios"):
        answer = answer_scenarios(inputs, settings)
    if folder is not None:
        deliver(
            answer, folder, "scenario", TABLES, settings, teller,
            source=name, as_of=day, model_version=loaded.version,
        )  # fmt: skip
    return answer


def _inputs(
    log: TransactionLog, day: date, loaded: LoadedTransactionModel, params: Params, reporter: Reporter
) -> ScenarioInputs:
    with reporter.step("value the customers"):
        predictions = _score_customers(log, loaded, day, drivers=0)
    scorer, terms = loaded.scorer, loaded.served.lifetime_value
    return ScenarioInputs(
        predictions=_with_segments(predictions, log, day, loaded, params),
        purchases=scorer.purchases,
        business_days=lambda days: float(scorer.business_days(days, day.isoformat())),
        margin=terms.margin,
        annual_discount_rate=terms.annual_discount_rate,
        as_of=day,
        whole_periods="bg_bb" in loaded.served.purchases.counts,
        newcomer=_newcomer(log, day, loaded) if params.scenario.new_customers is not None else None,
    )


def _with_segments(
    predictions: pd.DataFrame,
    log: TransactionLog,
    day: date,
    loaded: LoadedTransactionModel,
    params: Params,
) -> pd.DataFrame:
    """Add the columns that segments and actions name: lifecycle stage, RFM, attributes of customers."""
    conditions = [change.segment for case in params.scenario.cases for change in case.changes]
    conditions += [action.when for action in params.plan.actions]
    wanted = {column for condition in conditions for column in condition} - {*predictions.columns}
    table = predictions
    if "lifecycle_stage" in wanted:
        behaviour = predictions.merge(rhythm_at(log, day, loaded.window_days), "left", "customer_id")
        table = table.merge(lifecycle_stages(behaviour, loaded.window_days), "left", "customer_id")
    if wanted & {*_RFM}:
        revenue = totals_at(log, day)[["customer_id", "revenue"]]
        table = table.merge(
            rfm_cells(predictions.merge(revenue, "left", "customer_id")), "left", "customer_id"
        )
    if wanted - {*table.columns} and params.relations.customers.source is not None:
        known = relation_features(read_relations(params, log, only=["customers"]), day)
        new = ["customer_id", *known.columns.difference(table.columns)]
        table = table.merge(known[new], "left", "customer_id")
    return table


def _newcomer(log: TransactionLog, day: date, loaded: LoadedTransactionModel) -> Newcomer:
    """Margin that a customer who buys for the first time tomorrow is expected to bring."""
    served = loaded.served
    row = new_customer_values(served, acquisitions(log, day), day, loaded.horizon_days).iloc[0]
    margin = served.margin.mean if served.margin else served.lifetime_value.margin
    repeat = float(row["expected_purchases"] * row["expected_spend"])
    return Newcomer(first_order=float(row["first_order"]) * margin, repeat_margin=repeat * margin)
