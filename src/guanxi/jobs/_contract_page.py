"""The page of a training on contracts."""

from __future__ import annotations

import pandas as pd

from guanxi import __version__
from guanxi.data.contracts.log import ContractLog
from guanxi.evaluation.contract_measures import ContractEvaluation
from guanxi.features.contracts.snapshots import person_periods
from guanxi.jobs.train_contracts import ContractTraining
from guanxi.models.drivers import explain_contracts
from guanxi.pipeline.contracts import FittedContracts
from guanxi.pipeline.contracts.equity import base_equity, new_customer_value, total_value
from guanxi.report.contracts import ContractReport, render_contracts
from guanxi.served.contracts.scorer import IN_PER_CENT
from guanxi.served.texts import number, texts

_MOST_GROUPS = 30
_FORMS = {"contracts": "form_contracts", "customers": "form_customers", "events": "form_events"}


def contract_page(training: ContractTraining, log: ContractLog, predictions: pd.DataFrame) -> str:
    """Render the page of a training, with the predictions of its model."""
    served, evaluation, params = training.served, training.evaluation, training.params
    has_amounts = served.model.amounts is not None
    names = texts("guanxi.served", params.language)["contracts"]
    explanation = explain_contracts(served.scorer, served.features, params.seed)
    explanation.feature_names = [names.get(name, name) for name in explanation.feature_names]
    held_out, attributes = _held_out(log, evaluation)
    return render_contracts(
        ContractReport(
            source=training.source,
            as_of=training.as_of,
            horizon_days=training.horizon_days,
            model_version=training.version,
            language=params.language,
            generated_by=f"guanxi {__version__}",
            predictions=predictions,
            total=total_value(served) if has_amounts else {},
            interval=served.model.lifetime_value.interval,
            equity=base_equity(served) if has_amounts else pd.DataFrame(),
            newcomers=_newcomers(served) if has_amounts else {},
            held_out=held_out,
            attributes=_in_per_cent(attributes).rename(columns=names),
            measured=_measured(training),
            by_opportunity=evaluation.by_opportunity,
            metrics=training.metrics,
            survival=evaluation.survival,
            cohorts=evaluation.cohorts,
            explanation=explanation,
            warnings=[*training.facts["warnings"], *served.model.warnings],
            facts=_facts(training),
            rejected=_rejected(log),
        )
    )


def _held_out(log: ContractLog, evaluation: ContractEvaluation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the predictions with outcomes, and what was known of these customers."""
    known, keys = evaluation.fitted.features, ["customer_id"]
    if evaluation.cutoff is None:
        known, keys = person_periods(log), ["customer_id", "renewals"]
    table = evaluation.rows[[*keys, "churned", "churn_probability"]]
    both = table.merge(known.drop(columns="churned", errors="ignore"), on=keys)
    return both[["churned", "churn_probability"]], both


def _in_per_cent(attributes: pd.DataFrame) -> pd.DataFrame:
    shares = [name for name in IN_PER_CENT if name in attributes]
    return attributes.assign(**{name: (100.0 * attributes[name]).round(1) for name in shares})


def _newcomers(served: FittedContracts) -> dict[str, pd.DataFrame]:
    """Value of a new customer by plan and by channel, where these differ."""
    found = {}
    for by in ("plan", "channel"):
        if by in served.newcomers and 1 < served.newcomers[by].nunique() <= _MOST_GROUPS:
            found[by] = new_customer_value(served, by).rename(columns={"by": by, "group": by})
    return found


def _measured(training: ContractTraining) -> str:
    t: dict[str, str] = texts("guanxi.report.contracts", training.params.language)["page"]
    evaluation = training.evaluation
    customers = number(len(evaluation.table))
    if evaluation.by_opportunity:
        opportunities = number(len(evaluation.rows))
        return t["opportunities"].format(customers=customers, opportunities=opportunities)
    if evaluation.cutoff is None:
        return t["cross_validation"].format(customers=customers)
    days = number(evaluation.days)
    return t["later_window"].format(customers=customers, cutoff=evaluation.cutoff, days=days)


def _rejected(log: ContractLog) -> pd.DataFrame:
    counts = [(rule, lines, lines / log.lines_read) for rule, lines in log.rejected_by_rule.items() if lines]
    return pd.DataFrame(counts, columns=["rule", "lines", "share"])


def _facts(training: ContractTraining) -> list[tuple[str, str]]:
    t, facts = texts("guanxi.report.contracts", training.params.language)["page"], training.facts
    return [
        (t["form"], t[_FORMS[facts["form"]]]),
        (t["lines_read"], number(facts["lines_read"])),
        (t["lines_accepted"], number(facts["lines_accepted"])),
        (t["known_customers"], number(facts["customers"])),
        (t["first_day"], facts["first_day"]),
        (t["last_day"], facts["last_day"]),
        (t["retention_model"], _hazard(training.served, t)),
        (t["trees"], _trees(training.served, t)),
    ]


def _hazard(served: FittedContracts, t: dict[str, str]) -> str:
    """Name the retention model and the regression."""
    retention, regression = served.choice.retention, served.choice.regression
    name = t[retention.model]
    if retention.covariates:
        name = t["with_covariates"].format(model=name)
    if regression is None:
        return name
    return t["changing" if regression.slopes else "corrected"].format(model=name)


def _trees(served: FittedContracts, t: dict[str, str]) -> str:
    trees = served.correction
    if trees.model is None:
        return t["trees_left_out"]
    return t["trees_kept"].format(loss=number(trees.loss, 5), alone=number(trees.loss_alone, 5))
