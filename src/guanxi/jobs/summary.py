"""The closing words of a job."""

from __future__ import annotations

import math
import shlex

from guanxi.evaluation.holdout import GUANXI, NAIVE, PURCHASE_MODEL
from guanxi.jobs.run import RunResult
from guanxi.jobs.train import Training
from guanxi.periods import add_days
from guanxi.registry.store import Store


def of_training(training: Training) -> str:
    """Say how good the model was on the window it had not seen, and where it stands."""
    holdout = training.holdout
    lines = [
        f"\nMeasured on {add_days(holdout.cutoff, 1)} to {holdout.end} ({training.horizon_days} days, "
        f"{len(holdout.table):,} customers; the naive forecast in brackets):",
        f"  churn      AUC {_pair(training, 'churn', 'auc', '.3f')}, "
        f"log loss {_pair(training, 'churn', 'log_loss', '.3f')}",
        f"             purchase model alone: AUC {_alone(training, 'auc')}, "
        f"log loss {_alone(training, 'log_loss')}",
        f"  purchases  mean absolute error {_pair(training, 'purchases', 'mae', '.3f')}, "
        f"bias of the total {_pair(training, 'purchases', 'bias', '+.1%')}",
        f"  spend      mean absolute error {_pair(training, 'spend', 'mae', ',.2f')}, "
        f"best tenth captures {_pair(training, 'spend', 'top_decile_capture', '.1%')}",
        *_chosen(training),
        *(f"  note: {finding}" for finding in training.findings),
        "",
        f"Model {training.store.registered_model} version {training.version} is {_standing(training)}.",
    ]
    return "\n".join(lines)


def of_run(result: RunResult) -> str:
    """Add where the results are and what to type next."""
    training, table, folder = result.training, result.predictions, result.folder
    total, likely = float(table["clv"].sum()), int((table["churn_probability"] > 0.5).sum())
    unexplained = training.usability.numbers["customers_without_purchase"]
    left_out = f" ({unexplained:,} without an accepted purchase left out)" if unexplained else ""
    return "\n".join(
        [
            of_training(training),
            "",
            f"{len(table):,} customers scored{left_out}: worth {total:,.0f} over the next "
            f"{training.horizon_days} days, {likely:,} more likely to stay away than to buy.",
            *_files(result),
            "",
            "Next:",
            f"  xdg-open {shlex.quote(str(folder / 'report.html'))}",
            f"  {_look_at(training.store)}",
            f"  guanxi predict YOUR_FILE.csv -o scores.parquet{_model(training)}"
            " --columns customer_id=…,timestamp=…,amount=…",
        ]
    )


def _files(result: RunResult) -> list[str]:
    files = {
        str(result.folder / "predictions.parquet"): "one row per customer",
        str(result.folder / "report.html"): "the page to look at",
        str(result.folder / "metrics.json"): "the numbers above, and more",
        str(result.folder / "rejected.parquet"): "lines that were not used, and why",
        f"{result.export}/": "the champion as an MLflow model folder",
    }
    width = max(map(len, files))
    return [f"  {name:<{width}}  {what}" for name, what in files.items()]


def _look_at(store: Store) -> str:
    """Command that shows the MLflow store: a server has its own page."""
    if store.uri.startswith("http"):
        return f"xdg-open {shlex.quote(store.shown_uri)}"
    return f"mlflow ui --backend-store-uri {shlex.quote(store.shown_uri)}"


def _pair(training: Training, target: str, metric: str, form: str) -> str:
    own, naive = (training.holdout.value(target, metric, model) for model in (GUANXI, NAIVE))
    return f"{_number(own, form)} ({_number(naive, form)})"


def _alone(training: Training, metric: str) -> str:
    return _number(training.holdout.value("churn", metric, PURCHASE_MODEL), ".3f")


def _chosen(training: Training) -> list[str]:
    automatic = training.params.clv.model == "auto"
    return [f"  chosen: {training.served.choice.reason}"] if automatic else []


def _model(training: Training) -> str:
    name = training.store.registered_model
    return "" if training.is_champion else f" --model models:/{name}@candidate"


def _number(value: float, form: str) -> str:
    return "unknown" if math.isnan(value) else f"{value:{form}}"


def _standing(training: Training) -> str:
    if training.is_champion:
        return "candidate and, as the first, champion"
    return (
        f"candidate; version {training.champion} stays champion: "
        f"score with this one by --model models:/{training.store.registered_model}@candidate"
    )
