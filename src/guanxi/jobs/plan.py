"""``guanxi plan``: whom to treat with what under a budget, and whom to hold out to measure it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.decisions.budget import TABLES, Plan, build_plan, check_plan, plan_answer
from guanxi.evaluation.realised_performance import outcomes
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs._learnt_gains import learnt_gains
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs.predict import _load_valuing, _score_customers
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import add_days
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone


@advises_in_python()
@leave_mlflow_alone()
def plan(
    source: Source,
    output: str | Path | None = None,
    *,
    campaign: Source | None = None,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    reporter: Reporter | None = None,
) -> Plan:
    """Choose an action for each customer within a budget, and draw the holdout that will measure them.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    output : path, optional
        Folder for ``plan.parquet``, the other tables and the page; without it nothing is written or logged.
    campaign : str, path or table, optional
        A past campaign (``customer_id, arm, date``, named as in ``params.campaign``), or an earlier
        ``plan.parquet``, from which the effects of actions without a save rate are learnt.
    model : str, optional
        MLflow address of the model that values the customers; default: the champion. The horizon is its own.
    params : Params, optional
        ``params.plan`` holds actions, budget and limits; default: ``params.yaml`` in the working folder.
    as_of : date or str, optional
        Day of the plan; default: the last day of the data.
    reporter : Reporter, optional

    Returns
    -------
    Plan
        ``customers`` is what ``plan.parquet`` holds.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> from guanxi.params import Params
    >>> call = {"action": "call", "channel": "phone", "cost": 5, "save_rate": 0.15}
    >>> guanxi.plan("cdnow", params=Params(plan={"actions": [call], "budget": 2000}))  # doctest: +SKIP
    """
    settings = override(params if params is not None else load_params(), {"as_of": as_of})
    teller, name = reporter or Reporter(), source_name(source)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_answer_folder(folder, "plan", TABLES)
    named = [each.action for each in settings.plan.actions]
    check_plan(settings.plan, named if campaign is not None else ())
    loaded = _load_valuing(model, settings, teller)
    with teller.step(f"read {name}"):
        log = read_transactions(source, settings.data)
    try:
        show_findings(log, teller)
        day = last_day_used(log, settings, teller)
        with teller.step("value the customers"):
            customers = _customers(log, loaded, day)
        learnt = {}
        if campaign is not None:
            learnt = learnt_gains(campaign, log, loaded, customers, settings, day, teller)
    finally:
        log.close()
    with teller.step("choose the actions"):
        found = build_plan(
            customers,
            settings.plan,
            day=day,
            horizon_days=loaded.horizon_days,
            seed=settings.seed,
            language=settings.language,
            learnt=learnt,
        )
    if folder is not None:
        answer = plan_answer(found, settings.plan, settings.language)
        deliver(
            answer, folder, "plan", TABLES, settings, teller,
            source=name, as_of=day, model_version=loaded.version,
        )  # fmt: skip
    return found


def _customers(log: TransactionLog, loaded: LoadedTransactionModel, day: date) -> pd.DataFrame:
    return _with_past_value(_score_customers(log, loaded, day, drivers=0), log, loaded, day)


def _with_past_value(
    table: pd.DataFrame, log: TransactionLog, loaded: LoadedTransactionModel, day: date
) -> pd.DataFrame:
    """Add ``past_value``, the margin of the last horizon before the day, to a prediction table."""
    horizon = loaded.horizon_days
    past = outcomes(log, add_days(day, -horizon), horizon).set_index("customer_id")["spend"]
    spend = table["customer_id"].map(past).fillna(0.0).to_numpy(dtype=np.float64)
    expected = (table["expected_purchases"] * table["expected_spend"]).to_numpy(dtype=np.float64)
    clv = table["clv"].to_numpy(dtype=np.float64)
    usual = np.full(len(table), loaded.served.lifetime_value.margin)
    return table.assign(past_value=spend * np.divide(clv, expected, out=usual, where=expected > 0))
