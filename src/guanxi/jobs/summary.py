"""Closing summaries of a training and a run."""

from __future__ import annotations

import math
import shlex

from guanxi.evaluation.grade import OutcomeName, letters_in_words
from guanxi.evaluation.holdout import Holdout
from guanxi.jobs._closing_words import files_in_words, model_option, next_commands
from guanxi.jobs._gate import Judgement
from guanxi.jobs._standing import standing
from guanxi.jobs.run import RunResult
from guanxi.jobs.train import Training
from guanxi.periods import add_days

_FAR_OFF = "its totals are far off (see the warnings): correct the data"
_SHOWN: dict[OutcomeName, tuple[tuple[str, str, str], ...]] = {
    "churn": (("auc", "AUC", ".3f"), ("log_loss", "log loss", ".3f")),
    "purchases": (
        ("top_decile_capture", "best tenth captures", ".1%"),
        ("mae", "not graded: mean absolute error", ".3f"),
    ),
    "spend": (
        ("top_decile_capture", "best tenth captures", ".1%"),
        ("mae", "not graded: mean absolute error", ",.2f"),
    ),
}


def of_training(training: Training, judgement: Judgement | None = None) -> str:
    """Report accuracy on the holdout window, and the model's place in the registry."""
    holdout = training.holdout
    letters = [each.letter for each in holdout.grades.values() if each]
    lines = [
        f"\nMeasured on {add_days(holdout.cutoff, 1)} to {holdout.end} "
        f"({(holdout.end - holdout.cutoff).days} days, "
        f"{len(holdout.table):,} customers; the best naive forecast in brackets):",
        *(_graded(holdout, target) for target in _SHOWN if target in holdout.grades),
        f"  bias of the total: purchases {_number(holdout.value('purchases', 'bias'), '+.1%')}, "
        f"spend {_number(holdout.value('spend', 'bias'), '+.1%')}",
        f"  grade {letters_in_words('en')}",
        "  graded are the AUC and what the best tenth captures, if log loss, Gini coefficient and CRPS agree",
        *(f"  {reason}" for reason in holdout.reasons),
        *(f"  warning: {warning}" for warning in holdout.warnings),
        *([f"  chosen: {training.served.choice.reason}"] if training.params.clv.model == "auto" else []),
        *(f"  level: {note}" for note in training.served.level_notes),
        *(f"  note: {note}" for note in training.fit_notes),
        "",
        f"Model {training.store.registered_model} version {training.version} is "
        f"{standing(training, judgement, _FAR_OFF, letters)}.",
        *(judgement.text.splitlines() if judgement and judgement.checks else []),
    ]
    return "\n".join(lines)


def of_run(result: RunResult, source: str | None, flags: str = "") -> str:
    """Report a training, its results, and the next commands.

    ``source`` is as given; ``flags`` are the options by which it was read, quoted for the shell.
    """
    training, table, folder = result.training, result.predictions, result.folder
    total, likely = float(table["clv"].sum(min_count=1)), int((table["churn_probability"] > 0.5).sum())
    unexplained = training.usability.numbers["customers_without_purchase"]
    left_out = f" ({unexplained:,} without an accepted purchase left out)" if unexplained else ""
    return "\n".join(
        [
            of_training(training, result.judgement),
            "",
            f"{len(table):,} customers scored{left_out}: worth {_number(total, ',.0f')} over the "
            f"next {training.horizon_days} days, {likely:,} more likely to stay away than to buy.",
            *_totals(training),
            *_files(result),
            *next_commands(folder, training, *_commands(result, source, flags)),
        ]
    )


def _commands(result: RunResult, source: str | None, flags: str) -> list[str]:
    """Commands for the data that were read; after the bundled data, for one's own."""
    if source is None:
        return ["guanxi init YOUR_FILE.csv", "guanxi run YOUR_FILE.csv"]
    also = f" {flags}" if flags else ""
    table, model = result.predictions, model_option(result.training)
    busiest = str(table["customer_id"].iloc[int(table["expected_purchases"].argmax())])
    return [
        f"guanxi predict {shlex.quote(source)} -o scores.parquet{model}{also}",
        f"guanxi explain {shlex.quote(busiest)} {shlex.quote(source)}{model}{also}",
    ]


def _files(result: RunResult) -> list[str]:
    files = {
        str(result.folder / "predictions.parquet"): "one row per customer",
        str(result.folder / "report.html"): "the report page",
        str(result.folder / "metrics.json"): "the numbers above, and more",
        str(result.folder / "rejected.parquet"): "lines that were not used, and why",
        f"{result.folder / 'page'}/": "what guanxi report makes the page from again",
    }
    if result.training.champion is not None:
        files[f"{result.export}/"] = "the champion as an MLflow model folder"
    return files_in_words(files)


def _totals(training: Training) -> list[str]:
    whole = training.totals[training.totals["segment"].isna()].to_dict("records")
    level = training.params.clv.interval
    return [
        *(
            f"  {row['target']:<10} {row['expected']:,.0f} in all, with a probability of {level:.0%} "
            f"{row['lower']:,.0f} to {row['upper']:,.0f}"
            for row in whole
        ),
        f"  this {whole[0]['basis']}",
    ]


def _graded(holdout: Holdout, target: OutcomeName) -> str:
    grade = holdout.grades[target]
    shown = [
        f"{name} {_number(holdout.value(target, metric), form)} "
        f"({_number(holdout.value(target, metric, holdout.best_baseline(target, metric)), form)})"
        for metric, name, form in _SHOWN[target]
    ]
    return f"  {target:<10} grade {grade.letter if grade else '-'}  {', '.join(shown)}"


def _number(value: float, form: str) -> str:
    return "unknown" if math.isnan(value) else f"{value:{form}}"
