"""What customers say, from the relation tables, as of one day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.errors import DataError, FitError
from guanxi.features.relations.statements import ratings_until
from guanxi.params import VoiceParams
from guanxi.scorecard.voice._churn_reasons import churn_reasons
from guanxi.scorecard.voice._path_model import PathModel, fit_path_model
from guanxi.scorecard.voice._relative_importance import RelativeImportance
from guanxi.scorecard.voice._response_styles import ResponseStyles, response_styles
from guanxi.scorecard.voice._satisfaction_drivers import satisfaction_drivers, servqual_gaps
from guanxi.scorecard.voice._statements import collect_statements
from guanxi.scorecard.voice._survey_answers import Answers, collect_answers
from guanxi.scorecard.voice._topic_outcomes import TopicSummary, summarise_topics


@dataclass(frozen=True)
class Voice:
    """What customers say; parts without data are None or empty.

    Attributes
    ----------
    topics : TopicSummary or None
    reasons : pandas.DataFrame
        See :func:`._churn_reasons.churn_reasons`.
    answers : Answers or None
    drivers : RelativeImportance or None
    gaps : pandas.DataFrame
        See :func:`._satisfaction_drivers.servqual_gaps`.
    paths : PathModel or None
    styles : ResponseStyles or None
    notes : tuple of str
        Why a part could not be computed.
    """

    topics: TopicSummary | None = None
    reasons: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    answers: Answers | None = None
    drivers: RelativeImportance | None = None
    gaps: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    paths: PathModel | None = None
    styles: ResponseStyles | None = None
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was said."""
        parts = (self.topics, self.drivers, self.paths, self.styles)
        return all(part is None for part in parts) and self.reasons.empty and self.gaps.empty

    def tables(self) -> dict[str, pd.DataFrame]:
        """Complete tables by file name."""
        named = {"voice_reasons": self.reasons, "voice_servqual_gaps": self.gaps}
        if self.topics:
            named |= {
                "voice_topics": self.topics.table,
                "voice_topic_examples": self.topics.examples,
                "voice_topic_quarters": self.topics.periods,
                "voice_languages": self.topics.languages,
            }
        if self.drivers:
            named["voice_drivers"] = self.drivers.table
        if self.paths:
            named |= {
                "voice_paths": self.paths.paths,
                "voice_constructs": self.paths.constructs,
                "voice_questions": self.paths.questions,
            }
        if self.styles:
            named |= {"voice_styles": self.styles.styles, "voice_invariance": self.styles.invariance}
        return {name: table for name, table in named.items() if len(table)}


def hear_customers(
    relations: Relations,
    customers: pd.DataFrame,
    attributes: pd.DataFrame,
    as_of: date,
    params: VoiceParams,
    seed: int,
) -> Voice:
    """Summarise what customers said up to a day.

    Parameters
    ----------
    relations : Relations
    customers : pandas.DataFrame
        ``customer_id`` and, if known, ``churn_probability`` and ``value_at_risk``.
    attributes : pandas.DataFrame
        ``customer_id`` and attributes, for the culture.
    as_of : datetime.date
    params : VoiceParams
    seed : int

    Raises
    ------
    ParamsError, DataError
        If the parameters name what does not exist. What the data do not suffice for is left out, with a note.
    """
    statements = collect_statements(relations, as_of)
    topics = (
        summarise_topics(statements, customers, topics=params.topics, seed=seed) if len(statements) else None
    )
    answers = collect_answers(relations, attributes, as_of, params)
    notes: list[str] = []
    drivers = paths = None
    if answers is not None:
        drivers = _attempt(lambda: satisfaction_drivers(_with_outcome(answers, params), seed), notes)
        if answers.paths:
            paths = _attempt(lambda: _path_model(answers, seed), notes)
    return Voice(
        topics,
        churn_reasons(relations, customers, as_of),
        answers,
        drivers,
        servqual_gaps(ratings_until(relations, as_of)),
        paths,
        response_styles(answers) if answers is not None else None,
        tuple(notes),
    )


def _with_outcome(answers: Answers, params: VoiceParams) -> Answers:
    if answers.outcome in answers.constructs:
        return answers
    raise DataError(
        f"drivers of satisfaction: {answers.outcome!r} is not a question or construct: choose "
        f"scorecard.voice.outcome from {', '.join(answers.constructs)}"
    )


def _path_model(answers: Answers, seed: int) -> PathModel:
    return fit_path_model(
        answers.table,
        answers.constructs,
        answers.paths,
        customers=answers.table["customer_id"],
        seed=seed,
    )


def _attempt(compute: Callable[[], Any], notes: list[str]) -> Any:
    """Compute a part; None, with a note, if the data do not suffice."""
    try:
        return compute()
    except (DataError, FitError) as error:
        notes.append(str(error))
        return None
