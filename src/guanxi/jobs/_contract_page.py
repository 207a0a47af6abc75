"""The page of a training on contracts."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from guanxi import __version__
from guanxi.data.contracts.log import ContractLog
from guanxi.evaluation.contract_measures import ContractEvaluation
from guanxi.features.contracts.snapshots import person_periods
from guanxi.jobs._page_record import PageRecord, effects_of, effects_table
from guanxi.jobs.train_contracts import ContractTraining
from guanxi.models.drivers import explain_contracts
from guanxi.params import Params, override
from guanxi.pipeline.contracts import FittedContracts
from guanxi.pipeline.contracts.equity import base_equity, new_customer_value, total_value
from guanxi.report.contracts import ContractReport, render_contracts
from guanxi.served.contracts.scorer import IN_PER_CENT
from guanxi.served.input_checks import LANGUAGES
from guanxi.served.texts import Language, number, texts

_MOST_GROUPS = 30
_FORMS = {"contracts": "form_contracts", "customers": "form_customers", "events": "form_events"}


def contract_record(training: ContractTraining, log: ContractLog, source: str) -> PageRecord:
    """Keep what the page shows of a training; ``source`` is the address given, without passwords."""
    served, evaluation = training.served, training.evaluation
    has_amounts = served.model.amounts is not None
    held_out, attributes = _held_out(log, evaluation)
    newcomers = _newcomers(served) if has_amounts else {}
    facts = {
        "source": training.source,
        "total": total_value(served) if has_amounts else {},
        "measured": {language: _measured(training, language) for language in LANGUAGES},
        "warnings": {language: _warnings(training, language) for language in LANGUAGES},
        "data_facts": {language: _facts(training, language) for language in LANGUAGES},
        "rejected": _rejected(log),
        "by_opportunity": evaluation.by_opportunity,
        "newcomers": list(newcomers),
    }
    return PageRecord(
        task="contracts",
        params=override(training.params, {"as_of": training.as_of}),
        source=source,
        digest=training.digest,
        version=training.version,
        run_id=training.run_id,
        facts=facts,
        tables={
            "equity": base_equity(served) if has_amounts else pd.DataFrame(),
            "held_out": held_out,
            "attributes": attributes,
            "metrics": training.metrics,
            "survival": evaluation.survival,
            "cohorts": evaluation.cohorts,
            "effects": effects_table(explain_contracts(served.scorer, served.features, training.params.seed)),
            **{f"new_by_{by}": table for by, table in newcomers.items()},
        },
    )


def contract_page(record: PageRecord, predictions: pd.DataFrame, params: Params) -> str:
    """Render the page of a record, with the predictions of its model."""
    facts, tables, language = record.facts, record.tables, params.language
    assert record.params.as_of is not None  # the record has the day that was used
    names = texts("guanxi.served", language)["contracts"]
    explanation = effects_of(tables["effects"])
    named = [names.get(name, name) for name in explanation.feature_names]
    return render_contracts(
        ContractReport(
            source=facts["source"],
            as_of=record.params.as_of,
            horizon_days=record.params.horizon_days,
            model_version=record.version,
            language=language,
            generated_by=f"guanxi {__version__}",
            predictions=predictions,
            total=facts["total"],
            interval=record.params.clv.interval,
            equity=tables["equity"],
            newcomers={by: tables[f"new_by_{by}"] for by in facts["newcomers"]},
            held_out=tables["held_out"],
            attributes=_in_per_cent(tables["attributes"]).rename(columns=names),
            measured=facts["measured"][language],
            by_opportunity=facts["by_opportunity"],
            metrics=tables["metrics"],
            survival=tables["survival"],
            cohorts=tables["cohorts"],
            explanation=replace(explanation, feature_names=named),
            warnings=facts["warnings"][language],
            facts=facts["data_facts"][language],
            rejected=pd.DataFrame(facts["rejected"], columns=["rule", "lines", "share"]),
        )
    )


def _warnings(training: ContractTraining, language: Language) -> list[str]:
    """Say what was noticed in the data and in the fits; every language has a sentence for the grade."""
    grade = training.evaluation.grade
    told = {grade.warning: grade.said[language].warning or ""} if grade and grade.warning else {}
    every = (*training.facts["warnings"], *training.served.model.warnings)
    return [told.get(each, each) for each in every]


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


def _measured(training: ContractTraining, language: Language) -> str:
    t: dict[str, str] = texts("guanxi.report.contracts", language)["page"]
    evaluation = training.evaluation
    customers = number(len(evaluation.table))
    if evaluation.by_opportunity:
        opportunities = number(len(evaluation.rows))
        return t["opportunities"].format(customers=customers, opportunities=opportunities)
    if evaluation.cutoff is None:
        return t["cross_validation"].format(customers=customers)
    days = number(evaluation.days)
    return t["later_window"].format(customers=customers, cutoff=evaluation.cutoff, days=days)


def _rejected(log: ContractLog) -> list[tuple[str, int, float]]:
    return [(rule, lines, lines / log.lines_read) for rule, lines in log.rejected_by_rule.items() if lines]


def _facts(training: ContractTraining, language: Language) -> list[tuple[str, str]]:
    t, facts = texts("guanxi.report.contracts", language)["page"], training.facts
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
