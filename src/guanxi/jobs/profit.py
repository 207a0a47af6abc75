"""``guanxi profit``: what each customer earns after cost, and the audit of the customer base."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.decisions import loyalty
from guanxi.decisions.answer import Answer
from guanxi.decisions.profit import TABLES as PROFIT_TABLES
from guanxi.decisions.profit import ProfitInputs, answer_profit
from guanxi.errors import DataError, GuanxiError
from guanxi.features.customer_flows import customer_flows, monthly_spending
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs._only_purchases import refuse_contracts
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs.predict import _load_valuing, _score_customers
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone

TABLES = (*PROFIT_TABLES, *loyalty.TABLES)
_ENGINE_MEMORY = "1GB"


@advises_in_python()
@leave_mlflow_alone()
def profit(
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    progress: bool | Reporter = False,
) -> Answer:
    """Compute every customer's profit and loss, and audit the customer base.

    Costs come from ``relations.costs``, ``relations.customers`` (``acquisition_cost``),
    ``relations.spending`` and the rates of ``params.profit``.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    output : path, optional
        Folder for the tables and the page ``profit.html``; without it nothing is written or logged.
    model : str, optional
        MLflow address of the model that values the customers; default: the champion, if there is one.
    params, as_of : optional
        As in :func:`guanxi.predict`.
    horizon_days : int, optional
        Days over which customers are valued; default: as the model was trained.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Returns
    -------
    Answer
        ``tables`` by name (``customers`` has a row per customer), ``metrics``, ``chapters`` of the page.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.profit("cdnow", params=guanxi.params.Params()).metrics["profit"]  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    settings = override(base, {"as_of": as_of, "horizon_days": horizon_days})
    teller = reporter_of(progress)
    refuse_contracts("profit", settings)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_answer_folder(folder, "profit", TABLES)
    teller.expect(3 + 2 * (folder is not None))
    loaded = _model(model, settings, teller)
    name = source_name(source)
    with teller.step(f"read {name} and the relation tables"):
        log = read_transactions(source, settings.data, memory=_ENGINE_MEMORY)
    try:
        day = last_day_used(log, settings, teller)
        answer = _answer(
            log, day, loaded, None if horizon_days is None else settings.horizon_days, settings, teller
        )
    finally:
        log.close()
    if folder is not None:
        version = loaded.version if loaded is not None else ""
        deliver(
            answer, folder, "profit", TABLES, settings, teller, source=name, as_of=day, model_version=version
        )
    return answer


def _model(uri: str | None, params: Params, reporter: Reporter) -> LoadedTransactionModel | None:
    """Load the model that was named, else the champion if it can be used."""
    try:
        loaded = _load_valuing(uri, params, reporter)
    except GuanxiError as error:
        if uri is not None:
            raise
        reporter.warn(f"without a model, what customers are still worth is unknown: {error}")
        return None
    trained = loaded.served.lifetime_value.margin
    if trained != params.clv.margin:
        reporter.warn(
            f"the model values customers with clv.margin={trained:g}, the profit is computed with "
            f"{params.clv.margin:g}: train one with the same margin to compare them"
        )
    return loaded


def _answer(
    log: TransactionLog,
    day: date,
    loaded: LoadedTransactionModel | None,
    horizon_days: int | None,
    params: Params,
    reporter: Reporter,
) -> Answer:
    show_findings(log, reporter)
    if not log.has_amounts:
        raise DataError(
            f"{log.source}: the log has no amounts, so there is no profit: map them with "
            "--set data.columns.amount=NAME"
        )
    relations = read_relations(params, log)
    for warning in relations.warnings:
        reporter.warn(warning)
    predictions: pd.DataFrame | None = None
    if loaded is not None:
        with reporter.step("value the customers", extra=True):
            predictions = _score_customers(log, loaded, day, horizon_days, 0)
    with (
        reporter.step("add up profit and loss"),
        _profit_inputs(log, relations, predictions, day, params) as inputs,
    ):
        answer = answer_profit(inputs)
    points = relations.table("points")
    if points is None:
        return answer
    with reporter.step("follow the points of the loyalty programme", extra=True):
        return loyalty.add_loyalty(answer, log, points.execute(), params, day)


@contextmanager
def _profit_inputs(
    log: TransactionLog,
    relations: Relations,
    predictions: pd.DataFrame | None,
    day: date,
    params: Params,
) -> Iterator[ProfitInputs]:
    """Collect what the profit is computed from, in tables of the engine that are dropped at the end."""
    with customer_flows(log, relations, day, params.clv.margin) as flows:
        refused = sum(lines for rule, lines in log.rejected_by_rule.items() if rule.startswith("refund_"))
        spending, has_margins = monthly_spending(relations, day), "margin" in log.events.columns
        yield ProfitInputs(flows, spending, predictions, has_margins, refused, params)
