"""``guanxi plan``: whom to treat with what under a budget, and whom to hold out to measure it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.decisions.budget import TABLES, LearntGain, Plan, build_plan, check_plan, plan_answer
from guanxi.errors import ParamsError
from guanxi.evaluation.realised_performance import outcomes
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs._contract_log import contract_day, open_contracts
from guanxi.jobs._learnt_gains import learnt_gains
from guanxi.jobs._only_purchases import valuing_purchases
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs._predict_contracts import contract_scoring
from guanxi.jobs.predict import _load_checked, _score_customers
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.periods import add_days
from guanxi.registry.loaded_model import LoadedContractModel, LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone


class _Valued(NamedTuple):
    """The prediction table of a day, and gains learnt from a campaign."""

    customers: pd.DataFrame
    day: date
    learnt: Mapping[str, LearntGain]


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
    progress: bool | Reporter = False,
) -> Plan:
    """Choose an action for each customer within a budget, and draw the holdout that will measure them.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions; contracts with ``params.task`` contracts.
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
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

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
    teller, name = reporter_of(progress), source_name(source)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_answer_folder(folder, "plan", TABLES)
    named = [each.action for each in settings.plan.actions]
    check_plan(settings.plan, named if campaign is not None else ())
    teller.expect(4 + 2 * (folder is not None))
    loaded = _load_checked(model, settings, teller)
    if isinstance(loaded, LoadedContractModel):
        valued = _under_contract(source, loaded, campaign, settings, teller)
    else:
        valued = _buyers(source, valuing_purchases(loaded, settings), campaign, settings, teller)
    with teller.step("choose the actions"):
        found = build_plan(
            valued.customers,
            settings.plan,
            day=valued.day,
            horizon_days=loaded.horizon_days,
            seed=settings.seed,
            language=settings.language,
            learnt=valued.learnt,
        )
    if folder is not None:
        answer = plan_answer(found, settings.plan, settings.language)
        deliver(
            answer, folder, "plan", TABLES, settings, teller,
            source=name, as_of=valued.day, model_version=loaded.version,
        )  # fmt: skip
    return found


def _under_contract(
    source: Source, loaded: LoadedContractModel, campaign: Source | None, params: Params, reporter: Reporter
) -> _Valued:
    """Value the customers under contract."""
    if campaign is not None:
        raise ParamsError(
            "effects are learnt from purchases after a campaign, and these customers have contracts: leave "
            "--campaign out, and give each of plan.actions the save_rate that was measured"
        )
    log = open_contracts(source, params, reporter)
    try:
        day = contract_day(log, params, reporter)
        with reporter.step("value the customers"):
            return _Valued(contract_scoring(log, loaded, day, drivers=0).whole(), day, {})
    finally:
        log.close()


def _buyers(
    source: Source,
    loaded: LoadedTransactionModel,
    campaign: Source | None,
    params: Params,
    reporter: Reporter,
) -> _Valued:
    """Value the customers of a log of transactions, and learn from the campaign."""
    with reporter.step(f"read {source_name(source)}"):
        log = read_transactions(source, params.data)
    try:
        show_findings(log, reporter)
        day = last_day_used(log, params, reporter)
        with reporter.step("value the customers"):
            customers = _customers(log, loaded, day)
        learnt = {}
        if campaign is not None:
            learnt = learnt_gains(campaign, log, loaded, customers, params, day, reporter)
        return _Valued(customers, day, learnt)
    finally:
        log.close()


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
