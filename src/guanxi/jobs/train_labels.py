"""``guanxi train --task labels``: learn churn from a label column and attributes, register a candidate."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from guanxi.data.attributes import AttributeTable, attribute_digest, read_labelled
from guanxi.data.sources.source import Source
from guanxi.errors import ParamsError
from guanxi.evaluation.metrics import PROBABILITIES
from guanxi.evaluation.monitoring.profile import label_profile
from guanxi.evaluation.retention_profit import measure_offer
from guanxi.jobs._gate import Judgement
from guanxi.jobs._opened_log import source_name
from guanxi.jobs._standing import standing
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import OfferParams, Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.pipeline.folds import FOLDS
from guanxi.pipeline.labelled import FittedLabels, fit_labels
from guanxi.registry import registration
from guanxi.registry.aliases import LEAKS
from guanxi.registry.card import label_card, write_card
from guanxi.registry.label_log import LABEL, log_label_training
from guanxi.registry.log import TrainingRecord
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import Store, answering, check_store, open_store, task_store

_MODEL, _CONSTANT = "guanxi", "share of churners"
_OF_PROBABILITIES = ("log_loss", "brier")
_LEAKS = "a column tells who left (see the notes): exclude it"


@dataclass(frozen=True)
class LabelTraining:
    """Result of a training on labels.

    Attributes
    ----------
    version : str
        Version in the registry, alias ``candidate``.
    champion : str or None
        The version that is champion: the first one that passes its test, unless a column tells the label.
    run_id : str
        Its MLflow run.
    metrics : pandas.DataFrame
        ``target, model, metric, value, standard_deviation`` of the cross-validation: mean and spread over the
        folds; ``ece``, ``empc`` and ``empc_share`` (:mod:`guanxi.evaluation.retention_profit`) are pooled
        over all folds, since a single fold is too small.
    fitted : FittedLabels
    source : str
        Without passwords.
    label : str
        As given: ``COLUMN`` or ``COLUMN=VALUE``.
    params : Params
    store : Store
    """

    version: str
    champion: str | None
    run_id: str
    metrics: pd.DataFrame = field(repr=False)
    fitted: FittedLabels = field(repr=False)
    source: str
    label: str
    params: Params = field(repr=False)
    store: Store = field(repr=False)

    @property
    def is_champion(self) -> bool:
        """Whether this version is champion."""
        return self.champion == self.version

    def value(self, metric: str, model: str = _MODEL) -> float:
        """Value of one metric."""
        rows = self.metrics
        found = rows[(rows["metric"] == metric) & (rows["model"] == model)]
        return float(found["value"].iloc[0])


@advises_in_python()
@leave_mlflow_alone()
def train_labels(
    source: Source,
    *,
    label: str | None = None,
    id_column: str | None = None,
    exclude: Sequence[str] = (),
    params: Params | None = None,
    progress: bool | Reporter = False,
) -> LabelTraining:
    """Learn churn from customers whose outcome is known, and register the model as candidate.

    The registered model is ``mlflow.registered_model`` with the suffix ``-labels``.

    Parameters
    ----------
    source : str, path or table
        One row per customer: CSV, Parquet or a database table as on the command line, or a DataFrame.
    label : str, optional
        The column of the label (1, true or yes: churned), or ``COLUMN=VALUE`` with the value for churn;
        default: ``data.columns.churned`` of the parameters.
    id_column : str, optional
        The column that identifies customers; default: ``data.columns.customer_id``. All others are
        attributes: numbers, or categories.
    exclude : sequence of str
        Columns that are no attributes, besides ``data.exclude``. Columns that tell the label alone are
        warned of, and such a version does not become champion.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.

    Raises
    ------
    ParamsError
        If the label or the identifier is not given, or the trees are to be tuned.
    SourceError, DataError
        As :func:`guanxi.data.attributes.read_labelled`.
    RegistryError
        If the MLflow store does not accept the model.

    Examples
    --------
    >>> from guanxi.jobs.train_labels import train_labels
    >>> train_labels("telco.csv", label="Churn", id_column="customerID").value("auc")  # doctest: +SKIP
    """
    base = override(params if params is not None else load_params(), {"task": "labels"})
    params = override(base, {"data.exclude": [*base.data.exclude, *exclude]})
    label, id_column = _columns(label, id_column, params)
    reporter = reporter_of(progress)
    reporter.expect(4)
    if params.churn.tuning.trials or params.churn.tuning.seconds:
        raise ParamsError("--task labels does not tune the trees: leave churn.tuning out")
    started = time.time()
    with reporter.step(f"read {source_name(source)}"):
        customers = read_labelled(source, id_column, label, params.data)
    with reporter.step("look at the MLflow store"):
        check_store(params.mlflow)
    with reporter.step(f"fit {FOLDS} folds, and the served model on all") as step:
        fitted = fit_labels(customers, params, id_column=id_column, on_step=step.detail)
        metrics = _cross_validated_metrics(fitted.held_out, params.churn.offer)
    for leak in fitted.leaks.values():
        reporter.warn(leak)
    store = task_store(open_store(params.mlflow), "labels")
    with reporter.step("log, register and test the model in MLflow") as step, answering(store):
        record = replace(_record(customers, fitted, metrics, params, label), started=started)
        run_id, model_uri = log_label_training(store, fitted, record)
        leaks = {LEAKS: "\n".join(fitted.leaks.values())} if fitted.leaks else {}
        version = registration.register(store, run_id, model_uri, {LABEL: label} | leaks)
        write_card(store, version, label_card(record, fitted))
        step.detail("smoke test")
        champion = registration.make_candidate(store, version, fitted, list(fitted.leaks.values()))
    return LabelTraining(version, champion, run_id, metrics, fitted, customers.source, label, params, store)


def _columns(label: str | None, id_column: str | None, params: Params) -> tuple[str, str]:
    mapped = params.data.columns
    label = mapped.get("churned", "") if label is None else label
    id_column = mapped.get("customer_id", "") if id_column is None else id_column
    # What is no text is refused where the file is read.
    if isinstance(label, str) and isinstance(id_column, str) and not (label and id_column):
        raise ParamsError("labels need --label COLUMN (who left) and --id COLUMN (the identifier)")
    return label, id_column


def _cross_validated_metrics(held_out: pd.DataFrame, offer: OfferParams) -> pd.DataFrame:
    """Measure each fold by the model not fitted to it, and by the churn rate of the other folds.

    ``held_out`` has ``fold, churned, churn_probability``; the table is that of :class:`LabelTraining`.

    Examples
    --------
    >>> rows = {"fold": [0, 0, 1, 1], "churned": [0, 1, 0, 1], "churn_probability": [0.1, 0.9, 0.2, 0.8]}
    >>> measured = _cross_validated_metrics(pd.DataFrame(rows), OfferParams())
    >>> measured.set_index(["model", "metric"])["value"][_MODEL, "auc"]
    np.float64(1.0)
    """
    rows: list[dict[str, Any]] = []
    for fold, part in held_out.groupby("fold"):
        share = held_out.loc[held_out["fold"] != fold, "churned"].mean()
        forecasts = {_MODEL: part["churn_probability"], _CONSTANT: pd.Series(share, index=part.index)}
        rows += [
            {"model": model, "metric": name, "value": metric(part["churned"], forecast)}
            for model, forecast in forecasts.items()
            for name, metric in PROBABILITIES.items()
            if name != "ece" and (model == _MODEL or name in _OF_PROBABILITIES)
        ]
    folds = pd.DataFrame(rows).groupby(["model", "metric"], sort=False)["value"]
    table = pd.DataFrame({"value": folds.mean(), "standard_deviation": folds.std()}).reset_index()
    together = PROBABILITIES["ece"](held_out["churned"], held_out["churn_probability"])
    ece = pd.DataFrame({"model": [_MODEL], "metric": ["ece"], "value": [together]})
    profit = measure_offer(held_out["churned"], {_MODEL: held_out["churn_probability"]}, offer)
    return pd.concat([table, ece, profit], ignore_index=True).assign(target="churn")


def summary_text(training: LabelTraining, judgement: Judgement | None = None) -> str:
    """Report cross-validated accuracy, and the model's place in the registry."""
    held_out, name = training.fitted.held_out, training.store.registered_model
    spread = training.metrics.set_index(["model", "metric"])["standard_deviation"][_MODEL, "auc"]
    return "\n".join(
        [
            f"\nMeasured in {FOLDS}-fold cross-validation ({len(held_out):,} customers, "
            f"{held_out['churned'].mean():.1%} churned; a constant forecast of that share in brackets):",
            f"  churn      AUC {training.value('auc'):.3f} +- {spread:.3f}, "
            f"log loss {training.value('log_loss'):.3f} ({training.value('log_loss', _CONSTANT):.3f}), "
            f"calibration error {training.value('ece'):.3f}",
            f"  offer      expected maximum profit {training.value('empc'):.3f} per customer, contacting the "
            f"likeliest {training.value('empc_share'):.1%} (churn.offer)",
            *(f"  note: {warning}" for warning in training.fitted.model.warnings),
            "",
            f"Model {name} version {training.version} is {standing(training, judgement, _LEAKS)}.",
            *(judgement.text.splitlines() if judgement and judgement.checks else []),
        ]
    )


def use_text(training: LabelTraining) -> str:
    """Say how to score other customers."""
    alias = "champion" if training.champion == training.version else "candidate"
    name = training.store.registered_model
    return (
        f"Next, for a file with column {training.fitted.model.id} and the attributes:\n"
        f"  guanxi predict YOUR_FILE.csv -o scores.parquet --model models:/{name}@{alias}"
    )


def _record(
    customers: AttributeTable, fitted: FittedLabels, metrics: pd.DataFrame, params: Params, label: str
) -> TrainingRecord:
    from guanxi.report import figures

    facts = {
        "customers": len(customers.ids),
        "churned": int(fitted.held_out["churned"].sum()),
        "label": label,
        "id": fitted.model.id,
        "attributes": list(fitted.features.columns),
        "warnings": list(fitted.model.warnings),
    }
    draw = functools.partial(figures.calibration, fitted.held_out, params.language)
    return TrainingRecord(
        params,
        customers.source,
        attribute_digest(customers),
        facts,
        metrics,
        {"calibration": draw},
        profile=label_profile(fitted, params.seed),
    )
