"""The closing words of a job."""

from __future__ import annotations

from guanxi.evaluation.holdout import GUANXI, NAIVE
from guanxi.jobs.run import RunResult
from guanxi.jobs.train import Training


def of_training(training: Training) -> str:
    """Say how good the model was on the window it had not seen, and where it stands."""
    holdout = training.holdout
    lines = [
        f"\nMeasured on {holdout.cutoff} to {holdout.end} ({training.horizon_days} days, "
        f"{len(holdout.table):,} customers; the naive forecast in brackets):",
        f"  churn      AUC {_pair(training, 'churn', 'auc', '.3f')}, "
        f"log loss {_pair(training, 'churn', 'log_loss', '.3f')}",
        f"  purchases  mean absolute error {_pair(training, 'purchases', 'mae', '.3f')}, "
        f"bias of the total {_pair(training, 'purchases', 'bias', '+.1%')}",
        f"  spend      mean absolute error {_pair(training, 'spend', 'mae', ',.2f')}, "
        f"best tenth captures {_pair(training, 'spend', 'top_decile_capture', '.1%')}",
        "",
        f"Model {training.store.registered_model} version {training.version} is {_standing(training)}.",
    ]
    return "\n".join(lines)


def of_run(result: RunResult) -> str:
    """Add where the results are and what to type next."""
    training, table, folder = result.training, result.predictions, result.folder
    total, unexplained = float(table["clv"].sum()), training.usability.numbers["customers_without_purchase"]
    left_out = f" ({unexplained:,} without an accepted purchase left out)" if unexplained else ""
    lines = [
        of_training(training),
        "",
        f"{len(table):,} customers scored{left_out}: worth {total:,.0f} over the next "
        f"{training.horizon_days} days, {int((table['churn_probability'] > 0.5).sum()):,} more likely to stay away than to buy.",
        f"  {folder / 'predictions.parquet'}   one row per customer",
        f"  {folder / 'rejected.parquet'}      lines that were not used, and why",
        f"  {folder / 'metrics.json'}",
        f"  {folder / 'report.html'}",
        f"  {result.export}/                   the champion as an MLflow model folder",
        "",
        "Next:",
        f"  xdg-open {folder / 'report.html'}",
        f"  mlflow ui --backend-store-uri {training.store.shown_uri}",
        "  guanxi predict YOUR_FILE.csv -o scores.parquet --columns customer_id=…,timestamp=…,amount=…",
    ]
    return "\n".join(lines)


def _pair(training: Training, target: str, metric: str, form: str) -> str:
    own, naive = (training.holdout.value(target, metric, model) for model in (GUANXI, NAIVE))
    return f"{own:{form}} ({naive:{form}})"


def _standing(training: Training) -> str:
    if training.is_champion:
        return "candidate and, as the first, champion"
    return f"candidate; version {training.champion} stays champion"
