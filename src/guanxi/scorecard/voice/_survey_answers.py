"""Answers of customers on one scale, and the constructs that they measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.errors import DataError
from guanxi.features.relations.statements import questionnaires_until, ratings_until
from guanxi.params import VoiceParams
from guanxi.scorecard.voice._path_model import ECSI_PATHS

_CULTURES = ("culture", "country", "market", "region", "language")
_MOST_ANSWERS = 11  # a column with more different numbers is a quantity, not a question


@dataclass(frozen=True)
class Answers:
    """Answers from 0 to 1.

    Attributes
    ----------
    table : pandas.DataFrame
        ``customer_id`` and one column per question: of questionnaires one row per completed one, of surveys
        one row per customer with the mean answer in each dimension.
    ratings : pandas.DataFrame
        Every single answer: ``customer_id, rating, culture``.
    constructs : dict of str to tuple of str
        Questions of each construct.
    outcome : str
        The construct that others drive.
    drivers : tuple of str
        Constructs that may drive it: all that neither follow from it nor are it.
    paths : dict of str to tuple of str
        Sources of each target.
    culture : pandas.Series or None
        Group of each row whose use of the scale is compared.
    culture_name : str
    """

    table: pd.DataFrame = field(repr=False)
    ratings: pd.DataFrame = field(repr=False)
    constructs: dict[str, tuple[str, ...]]
    outcome: str
    drivers: tuple[str, ...]
    paths: dict[str, tuple[str, ...]]
    culture: pd.Series[str] | None = field(repr=False)
    culture_name: str

    def scores(self) -> pd.DataFrame:
        """Mean of the known answers of each construct, from 0 to 1."""
        return pd.DataFrame(
            {name: self.table[list(own)].mean(axis=1) for name, own in self.constructs.items()}
        )


def collect_answers(
    relations: Relations, attributes: pd.DataFrame, as_of: date, params: VoiceParams
) -> Answers | None:
    """Collect the answers of questionnaires, or without any those of surveys by dimension; None without both.

    Parameters
    ----------
    relations : Relations
    attributes : pandas.DataFrame
        ``customer_id`` and attributes, for the culture.
    as_of : datetime.date
    params : VoiceParams

    Raises
    ------
    DataError
        If a named question, outcome or culture does not exist, or an answer is off the scale.
    """
    given = questionnaires_until(relations, as_of)
    outcome = params.outcome
    if len(given):
        questions = _questions(given, params.constructs)
        table = _on_one_scale(given, questions, params.scale)
        rated = None
    else:
        rated = ratings_until(relations, as_of)
        table, usual = _of_surveys(rated)
        if table.empty:
            return None
        outcome = usual if outcome not in (*table.columns, *params.constructs) else outcome
        questions = _questions(table, params.constructs, all_of_them=True)
    constructs = {name: tuple(own) for name, own in params.constructs.items()}
    constructs = constructs or {name: (name,) for name in questions}
    paths = _paths(params.paths, constructs)
    culture, culture_name = _culture(given, table["customer_id"], attributes, params.culture)
    drivers = _drivers(constructs, outcome, paths)
    single = _single(table, rated, culture)
    return Answers(table, single, constructs, outcome, drivers, paths, culture, culture_name)


def _single(table: pd.DataFrame, rated: pd.DataFrame | None, culture: pd.Series[str] | None) -> pd.DataFrame:
    """Every single answer with its culture; those of surveys are not the means of the table."""
    cultures = pd.Series(None, index=table.index, dtype="object") if culture is None else culture
    if rated is None:
        wide = table.assign(culture=cultures).melt(["customer_id", "culture"], value_name="rating")
        return wide[["customer_id", "rating", "culture"]].dropna(subset="rating")
    by_customer = pd.Series(cultures.to_numpy(), index=table["customer_id"])
    return rated[["customer_id", "rating"]].assign(
        culture=by_customer.reindex(rated["customer_id"]).to_numpy()
    )


def _questions(
    given: pd.DataFrame, constructs: Mapping[str, Sequence[str]], *, all_of_them: bool = False
) -> list[str]:
    columns = [str(name) for name in given.columns if name != "customer_id"]
    numeric = [name for name in columns if pd.api.types.is_numeric_dtype(given[name])]
    named = [question for own in constructs.values() for question in own]
    for question in named:
        if question not in numeric:
            raise DataError(
                f"scorecard.voice.constructs: {question!r} is not a question with numbers for answers; "
                f"there are {', '.join(numeric) or 'none'}"
            )
    if named or all_of_them:
        return named or numeric
    return [name for name in numeric if given[name].nunique() <= _MOST_ANSWERS]


def _on_one_scale(
    given: pd.DataFrame, questions: Sequence[str], scale: tuple[float, float] | None
) -> pd.DataFrame:
    answers = given[list(questions)].astype("float64")
    low, high = scale or (float(answers.min().min()), float(answers.max().max()))
    off = (answers < low) | (answers > high)
    if off.any(axis=None):
        question = str(off.any().idxmax())
        first = answers[question][off[question]].iloc[0]
        raise DataError(
            f"relations.questionnaires: {question} has the answer {first:g}, off the scale from {low:g} to "
            f"{high:g}: correct scorecard.voice.scale or name the questions in scorecard.voice.constructs"
        )
    if not low < high:
        raise DataError("relations.questionnaires: all answers are equal: nothing can be learnt from them")
    return pd.concat([given[["customer_id"]], (answers - low) / (high - low)], axis=1)


def _of_surveys(ratings: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Mean rating of each customer (rows) in each dimension, and overall (by instrument)."""
    if ratings.empty or ratings["dimension"].isna().all():
        return pd.DataFrame(), ""
    overall = ratings["dimension"].isna() & ratings["instrument"].isin(["csat", "nps"])
    ratings = ratings[ratings["dimension"].notna() | overall]
    question = ratings["dimension"].fillna(ratings["instrument"]).rename("question")
    means = ratings.groupby(["customer_id", question])["rating"].mean().unstack()  # noqa: PD010 - of means
    usual = "csat" if "csat" in means else "nps"
    return means.rename_axis(columns=None).reset_index(), usual


def _paths(
    given: Mapping[str, Sequence[str]], constructs: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    if given:
        return {target: tuple(sources) for target, sources in given.items()}
    known = {
        target: tuple(source for source in sources if source in constructs)
        for target, sources in ECSI_PATHS.items()
        if target in constructs
    }
    return {target: sources for target, sources in known.items() if sources}


def _drivers(
    constructs: Mapping[str, Sequence[str]], outcome: str, paths: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Choose the constructs that do not follow from the outcome; overall ratings drive nothing."""
    follow = {outcome}
    while True:
        further = {target for target, sources in paths.items() if follow & set(sources)} - follow
        if not further:
            break
        follow |= further
    return tuple(name for name in constructs if name not in follow and name not in ("csat", "nps"))


def _culture(
    given: pd.DataFrame, customers: pd.Series[str], attributes: pd.DataFrame, name: str | None
) -> tuple[pd.Series[str] | None, str]:
    known = attributes.drop_duplicates("customer_id").set_index("customer_id")
    for each in (name,) if name else _CULTURES:
        if each in given and len(given):
            return given[each].astype("object"), each
        if each in known:
            values = known[each].reindex(customers)
            return pd.Series(values.to_numpy(dtype=object), index=customers.index), each
    if name:
        raise DataError(
            f"scorecard.voice.culture: {name!r} is neither an attribute of relations.customers nor a column "
            "of relations.questionnaires"
        )
    return None, ""
