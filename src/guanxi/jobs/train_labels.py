"""``guanxi train --task churn``: learn churn from a label column and attributes, register a candidate."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from guanxi.data.attributes import AttributeTable, attribute_digest, read_labelled
from guanxi.data.sources.source import Source
from guanxi.errors import ParamsError
from guanxi.evaluation.metrics import PROBABILITIES
from guanxi.evaluation.monitoring.profile import label_profile
from guanxi.evaluation.retention_profit import measure_offer
from guanxi.jobs._opened_log import source_name
from guanxi.jobs.reporter import Reporter
from guanxi.params import OfferParams, Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.pipeline.labelled import FOLDS, FittedLabels, fit_labels
from guanxi.registry import registration
from guanxi.registry.card import label_card, write_card
from guanxi.registry.label_log import LABEL, label_store, log_label_training
from guanxi.registry.log import TrainingRecord
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import Store, answering, check_store, open_store

_MODEL, _CONSTANT = "guanxi", "share of churners"
_OF_PROBABILITIES = ("log_loss", "brier")


@dataclass(frozen=True)
class LabelTraining:
    """Result of a training on labels.

    Attributes
    ----------
    version : str
        Version in the registry, alias ``candidate``.
    is_champion : bool
        Whether this version is champion; the first one that passes its test is.
    run_id : str
        Its MLflow run.
    metrics : pandas.DataFrame
        ``target, model, metric, value, standard_deviation`` of the cross-validation: mean and spread over the
        folds; ``ece``, ``empc`` and ``empc_share`` (:mod:`guanxi.evaluation.retention_profit`) are pooled
        over all folds, since a single fold is too small.
    fitted : FittedLabels
    params : Params
    store : Store
    """

    version: str
    is_champion: bool
    run_id: str
    metrics: pd.DataFrame = field(repr=False)
    fitted: FittedLabels = field(repr=False)
    params: Params = field(repr=False)
    store: Store = field(repr=False)

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
    label: str,
    id_column: str,
    params: Params | None = None,
    reporter: Reporter | None = None,
) -> LabelTraining:
    """Learn churn from customers whose outcome is known, and register the model as candidate.

    The registered model is ``mlflow.registered_model`` with the suffix ``-labels``.

    Parameters
    ----------
    source : str, path or table
        One row per customer: CSV, Parquet or a database table as on the command line, or a DataFrame.
    label : str
        The column of the label (1, true or yes: churned), or ``COLUMN=VALUE`` with the value for churn.
    id_column : str
        The column that identifies customers. All others are attributes: numbers, or categories.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.

    Raises
    ------
    SourceError, DataError
        As :func:`guanxi.data.attributes.read_labelled`.
    RegistryError
        If the MLflow store does not accept the model.

    Examples
    --------
    >>> from guanxi.jobs.train_labels import train_labels
    >>> train_labels("telco.csv", label="Churn", id_column="customerID").value("auc")  # doctest: +SKIP
    """
    params = override(params if params is not None else load_params(), {})
    reporter = reporter or Reporter()
    if params.churn.tuning.trials or params.churn.tuning.seconds:
        raise ParamsError("--task churn does not tune the trees: leave churn.tuning out")
    with reporter.step(f"read {source_name(source)}"):
        customers = read_labelled(source, id_column, label, params.data)
    with reporter.step("look at the MLflow store"):
        check_store(params.mlflow)
    with reporter.step(f"fit {FOLDS} folds, and the served model on all") as step:
        fitted = fit_labels(customers, params, id_column=id_column, on_step=step.detail)
        metrics = _cross_validated_metrics(fitted.held_out, params.churn.offer)
    store = label_store(open_store(params.mlflow))
    with reporter.step("log, register and test the model in MLflow") as step, answering(store):
        record = _record(customers, fitted, metrics, params, label)
        run_id, model_uri = log_label_training(store, fitted, record)
        version = registration.register(store, run_id, model_uri, {LABEL: label})
        write_card(store, version, label_card(record, fitted))
        step.detail("smoke test")
        is_champion = registration.make_candidate(store, version, fitted) == version
    return LabelTraining(version, is_champion, run_id, metrics, fitted, params, store)


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


def summary_text(training: LabelTraining) -> str:
    """Report cross-validated accuracy, and the model's place in the registry."""
    held_out, name = training.fitted.held_out, training.store.registered_model
    spread = training.metrics.set_index(["model", "metric"])["standard_deviation"][_MODEL, "auc"]
    alias = "champion" if training.is_champion else "candidate"
    identifier = training.fitted.model.id
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
            f"Model {name} version {training.version} is "
            f"{'candidate and, as the first, champion' if training.is_champion else 'candidate'}.",
            "Next:",
            f"  guanxi predict YOUR_FILE.csv -o scores.parquet --model models:/{name}@{alias}"
            f"   (with column {identifier} and the attributes)",
        ]
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
