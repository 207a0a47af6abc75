"""The page of a run, from what the training found and the customers scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from guanxi import __version__
from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.data.usability import facts_in
from guanxi.evaluation.grade import letters_in_words
from guanxi.jobs._customer_stories import customer_stories
from guanxi.jobs._decision_chapters import decision_chapters
from guanxi.jobs._page_record import PageRecord, effects_of, effects_table
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.scorecard import _scorecard_inputs
from guanxi.jobs.train import Training
from guanxi.params import Params, override
from guanxi.periods import add_days
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.report.chapters import render_chapter
from guanxi.report.page import RunReport, render
from guanxi.report.standing import standing
from guanxi.report.words import words
from guanxi.scorecard import ScoredDay, render_section, report_content, score_day
from guanxi.segments.playbook import recommend_actions, usual_playbook
from guanxi.served.input_checks import LANGUAGES
from guanxi.served.texts import Language, texts

_HOLDOUT = [
    *("frequency", "expected_purchases", "purchases", "expected_spend_total", "spend"),
    *("churn_probability", "churned"),
]


def record_of_run(training: Training, log: TransactionLog, source: str) -> PageRecord:
    """Keep what the page shows of a training; ``source`` is the address given, without passwords."""
    holdout = training.holdout
    facts = {
        "source": log.source,
        "data_facts": {language: _facts(training, log, language) for language in LANGUAGES},
        "rejected": training.usability.rejected,
        "warnings": {language: _warnings(training, language) for language in LANGUAGES},
        "holdout_window": [add_days(holdout.cutoff, 1).isoformat(), holdout.end.isoformat()],
        "grades": {name: each.letter for name, each in holdout.grades.items() if each},
    }
    return PageRecord(
        task="purchases",
        params=override(training.params, {"as_of": training.as_of}),
        source=source,
        digest=training.digest,
        version=training.version,
        run_id=training.run_id,
        facts=facts,
        tables={
            "holdout": holdout.table[_HOLDOUT],
            "metrics": holdout.metrics,
            "tracking": holdout.tracking,
            "totals": training.totals,
            "effects": effects_table(training.explanation),
        },
    )


def page_of_run(
    record: PageRecord,
    log: TransactionLog,
    relations: Relations,
    loaded: LoadedTransactionModel,
    predictions: pd.DataFrame,
    features: Callable[[], pd.DataFrame],
    params: Params,
    reporter: Reporter,
) -> Callable[[], str]:
    """Score the relationships and write the chapters of decisions; return what renders the page.

    Parameters
    ----------
    record : PageRecord
    log, relations
        The data.
    loaded : LoadedTransactionModel
        The model of the record, with the language of the page.
    predictions : pandas.DataFrame
        Its prediction table.
    features : callable
        Gives the features of all customers as of the day of the record.
    params : Params
        Those of the record but for language, currency, costs and other things that no model depends on.
    reporter : Reporter
    """
    day = _day(record)
    inputs = _scorecard_inputs(log, relations, loaded, params, predictions)
    scored = score_day(inputs, day, reporter)
    chapters = decision_chapters(log, relations, loaded, predictions, day, params, reporter)

    def page() -> str:
        sections = [render_section(report_content(scored, params))]
        sections += [render_chapter(chapter, params.language) for chapter in chapters]
        content = _content(record, predictions, scored, params)
        tell = partial(customer_stories, log, loaded, features(), day)
        return render(replace(content, sections=sections, stories=tell))

    return page


def _content(record: PageRecord, predictions: pd.DataFrame, scored: ScoredDay, params: Params) -> RunReport:
    facts, tables = record.facts, record.tables
    start, end = map(date.fromisoformat, facts["holdout_window"])
    return RunReport(
        source=facts["source"],
        as_of=_day(record),
        horizon_days=record.params.horizon_days,
        model_version=record.version,
        language=params.language,
        generated_by=f"guanxi {__version__}",
        data_facts=facts["data_facts"][params.language],
        rejected=pd.DataFrame(facts["rejected"], columns=["rule", "lines", "share"]),
        warnings=facts["warnings"][params.language],
        predictions=predictions,
        holdout=tables["holdout"],
        holdout_window=(start, end),
        metrics=tables["metrics"],
        tracking=tables["tracking"],
        explanation=effects_of(tables["effects"]),
        relationships=_relationships(scored, predictions, record.params.horizon_days, params),
        totals=tables["totals"],
        interval=params.clv.interval,
        margin=params.clv.margin,
        grades=facts["grades"],
        currency=params.report.currency,
    )


def _day(record: PageRecord) -> date:
    assert record.params.as_of is not None  # the record has the day that was used
    return record.params.as_of


def _relationships(
    scored: ScoredDay, predictions: pd.DataFrame, horizon_days: int, params: Params
) -> pd.DataFrame:
    """Return spend, stage and segment in words, and the action of each customer."""
    customers, totals = scored.customers, scored.tables.totals.set_index("customer_id")["revenue"]
    spent, named = customers["customer_id"].map(totals), texts("guanxi.segments", params.language)
    acted = customers
    if not params.playbook:
        stands = standing(predictions, spent, params.clv.margin, horizon_days)
        listed = np.select([stands["slipping"], stands["protect"]], ["slipping", "protect"], "none")
        acted = recommend_actions(customers.assign(list=listed), usual_playbook(params.language))
    return pd.DataFrame(
        {
            "spent": spent.to_numpy(),
            "stage": customers["lifecycle_stage"].map(named["lifecycle_stages"]).to_numpy(),
            "segment": customers["rfm_segment"].map(named["rfm_segments"]).to_numpy(),
            "action": acted["action"].to_numpy(),
            "channel": acted["action_channel"].to_numpy(),
        }
    )


def _warnings(training: Training, language: Language) -> list[str]:
    """Say grades, what speaks against them, and what was noticed in the data and the fits."""
    return [
        *_grades(training, language),
        *training.holdout.said(language),
        *training.usability.warnings_in(language),
        *training.fit_notes,
    ]


def _grades(training: Training, language: Language) -> list[str]:
    """Say the grades and the meaning of their letters."""
    grades = [each for each in training.holdout.grades.values() if each is not None]
    if not grades:
        return []
    named = words(language)
    letters = ", ".join(f"{named.get(str(each.target), str(each.target))} {each.letter}" for each in grades)
    return [named["grades"].format(grades=letters, meaning=letters_in_words(language))]


def _facts(training: Training, log: TransactionLog, language: Language) -> list[tuple[str, str]]:
    """Return facts about the data and the fit; reasons for a choice are in English."""
    t, served = words(language), training.served
    return [
        *facts_in(language, log, training.usability),
        (t["purchase_model"], served.choice.reason),
        *_totals(training, t),
        *((t["level_of_totals"], note) for note in served.level_notes),
        *(
            (t["corrections_of"].format(target=t.get(name, name)), each.reason)
            for name, each in served.corrections.items()
        ),
    ]


def _totals(training: Training, t: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return total and interval of all customers, with the basis of the interval."""
    whole = training.totals[training.totals["segment"].isna()].to_dict("records")
    return [
        (
            t["total_of"].format(target=t.get(row["target"], row["target"]), days=training.horizon_days),
            t["total_within"].format(
                expected=f"{row['expected']:,.0f}",
                level=f"{training.params.clv.interval:.0%}",
                lower=f"{row['lower']:,.0f}",
                upper=f"{row['upper']:,.0f}",
                basis=row["basis"],
            ),
        )
        for row in whole
    ]
