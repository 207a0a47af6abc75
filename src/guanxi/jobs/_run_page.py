"""The page of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi import __version__
from guanxi.evaluation.grade import letters_in_words
from guanxi.jobs.train import Training
from guanxi.params import Params
from guanxi.segments.playbook import recommend_actions, usual_playbook
from guanxi.served.texts import texts

if TYPE_CHECKING:
    from guanxi.report import PageSection
    from guanxi.report.stories import Stories
    from guanxi.scorecard import ScoredDay


def run_page(
    training: Training,
    predictions: pd.DataFrame,
    scored: ScoredDay,
    sections: list[PageSection],
    stories: Callable[[Sequence[Any]], Stories],
) -> str:
    """Render the page of a run, whose customers were scored from the predictions."""
    from guanxi.periods import add_days
    from guanxi.report.page import RunReport, render

    usability, holdout = training.usability, training.holdout
    return render(
        RunReport(
            source=str(usability.facts[0][1]),
            as_of=training.as_of,
            horizon_days=training.horizon_days,
            model_version=training.version,
            language=training.params.language,
            generated_by=f"guanxi {__version__}",
            data_facts=[
                *usability.facts,
                ("purchase model", training.served.choice.reason),
                *_totals(training),
                *(("level of the totals", note) for note in training.served.level_notes),
                *(
                    (f"{name}: corrections", each.reason)
                    for name, each in training.served.corrections.items()
                ),
            ],
            rejected=pd.DataFrame(usability.rejected, columns=["rule", "lines", "share"]),
            warnings=[
                *_grades(training),
                *holdout.warnings,
                *usability.warnings_in(training.params.language),
                *training.fit_notes,
            ],
            predictions=predictions,
            holdout=holdout.table,
            holdout_window=(add_days(holdout.cutoff, 1), holdout.end),
            metrics=holdout.metrics,
            tracking=holdout.tracking,
            explanation=training.explanation,
            sections=sections,
            relationships=_relationships(scored, training.params),
            totals=training.totals,
            interval=training.params.clv.interval,
            margin=training.params.clv.margin,
            grades={name: each.letter for name, each in holdout.grades.items() if each},
            currency=training.params.report.currency,
            stories=stories,
        )
    )


def _relationships(scored: ScoredDay, params: Params) -> pd.DataFrame:
    """Return spend, stage and segment in words, and the action of each customer."""
    customers, spent = scored.customers, scored.tables.totals.set_index("customer_id")["revenue"]
    named = texts("guanxi.segments", params.language)
    acted = customers if params.playbook else recommend_actions(customers, usual_playbook(params.language))
    return pd.DataFrame(
        {
            "spent": customers["customer_id"].map(spent).to_numpy(),
            "stage": customers["lifecycle_stage"].map(named["lifecycle_stages"]).to_numpy(),
            "segment": customers["rfm_segment"].map(named["rfm_segments"]).to_numpy(),
            "action": acted["action"].to_numpy(),
            "channel": acted["action_channel"].to_numpy(),
        }
    )


def _grades(training: Training) -> list[str]:
    """Describe the grades and their letters, and why a B is no A."""
    from guanxi.report.words import words

    grades = [each for each in training.holdout.grades.values() if each is not None]
    if not grades:
        return []
    named = words(training.params.language)
    letters = ", ".join(f"{named.get(str(each.target), str(each.target))} {each.letter}" for each in grades)
    meaning = letters_in_words(training.params.language)
    return [named["grades"].format(grades=letters, meaning=meaning), *training.holdout.reasons]


def _totals(training: Training) -> list[tuple[str, str]]:
    """Return total and interval of all customers, with the basis of the interval."""
    whole = training.totals[training.totals["segment"].isna()].to_dict("records")
    return [
        (
            f"total {row['target']}, next {training.horizon_days} days",
            f"{row['expected']:,.0f}; with a probability of {training.params.clv.interval:.0%} "
            f"{row['lower']:,.0f} to {row['upper']:,.0f} ({row['basis']})",
        )
        for row in whole
    ]
