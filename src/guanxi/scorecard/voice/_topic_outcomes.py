"""Topics of all languages: who raises them, how often, and how these customers differ from others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.scorecard.voice._comparisons import change_of_share, clear, compare_means, share_of
from guanxi.scorecard.voice._languages import tokens
from guanxi.scorecard.voice._topics import FEWEST_TEXTS, Topics, find_topics
from guanxi.served.ordering import falling

_MOST_STATEMENTS = 50_000
_EXAMPLES, _LONGEST_EXAMPLE = 3, 240
_NAMED_BY = 3
_NO_TOPICS_BELOW = 0.7


@dataclass(frozen=True)
class TopicSummary:
    """Topics in what customers said.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per language and topic, most customers first: ``language, topic`` (its three first words)``,
        words``; ``customers`` who raised it, ``share`` of the customers who commented in that language,
        with limits; ``change`` of that share between the earlier and the later half of the time, with limits,
        and ``trend``; ``satisfaction`` (0 to 1) of the comments on it and its difference from the others;
        ``churn`` (predicted probability) of those who raised it and its difference from the other commenters,
        with limits; ``value_at_risk``, their sum. ``…_p`` is the p value of a change or difference,
        ``…_clear`` and ``trend`` whether it is beyond chance at 10 % for all topics together (Holm 1979).
    examples : pandas.DataFrame
        ``language, topic, source, example``, masked.
    periods : pandas.DataFrame
        ``language, topic, quarter, customers, share``.
    languages : pandas.DataFrame
        One row per language: ``language, statements, customers, topics, stability, without_topic``, the share
        of statements without a known word.
    statements, customers : int
        Comments in all languages, and who left them.
    notes : tuple of dict
        What to know, as keyword arguments of the texts ``note_<what>``.
    """

    table: pd.DataFrame = field(repr=False)
    examples: pd.DataFrame = field(repr=False)
    periods: pd.DataFrame = field(repr=False)
    languages: pd.DataFrame = field(repr=False)
    statements: int
    customers: int
    notes: tuple[dict[str, Any], ...] = ()


def summarise_topics(
    statements: pd.DataFrame, customers: pd.DataFrame, *, topics: int | None = None, seed: int = 0
) -> TopicSummary:
    """Find the topics of each language and compare the customers who raise them with other commenters.

    Parameters
    ----------
    statements : pandas.DataFrame
        From :func:`._statements.collect_statements`.
    customers : pandas.DataFrame
        ``customer_id`` and, if known, ``churn_probability`` and ``value_at_risk``.
    topics : int, optional
        Number in each language; default: see :func:`._topics.find_topics`.
    seed : int
    """
    rows, examples, periods, languages, notes = [], [], [], [], []
    for language, said in statements.groupby("language", sort=False):
        name, said = str(language), _sampled(said, seed)
        if len(said) < FEWEST_TEXTS:
            notes.append({"what": "few_texts", "language": name, "count": len(said)})
            continue
        try:
            found = find_topics(
                said["text"].tolist(), said["customer_id"].tolist(), name, topics=topics, seed=seed
            )
        except DataError:
            notes.append({"what": "few_words", "language": name, "count": len(said)})
            continue
        titles = [", ".join(words[:_NAMED_BY]) for words in found.words]
        rows += [_row(name, titles[topic], found, topic, said, customers) for topic in range(len(titles))]
        examples += [
            each for topic in range(len(titles)) for each in _examples(name, titles, found, topic, said)
        ]
        periods.append(_by_quarter(name, titles, found, said))
        languages.append(_language(name, found, said))
    return TopicSummary(
        _ordered(pd.DataFrame(rows)),
        pd.DataFrame(examples),
        pd.concat(periods, ignore_index=True) if periods else pd.DataFrame(),
        pd.DataFrame(languages),
        len(statements),
        int(statements["customer_id"].nunique()),
        (*notes, *_doubts(languages, statements)),
    )


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Sort topics by customers, and judge their differences together: one of many looks clear by chance."""
    if table.empty:
        return table
    beyond = clear(table["change_p"])
    direction = np.where(table["change"] > 0, "rising", "falling")
    table["trend"] = np.where(table["change"].isna(), "unknown", np.where(beyond, direction, "steady"))
    table = table.assign(
        satisfaction_clear=clear(table["satisfaction_p"]), churn_clear=clear(table["churn_p"])
    )
    return table.iloc[falling(table["customers"])].reset_index(drop=True)


def _sampled(said: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Keep at most 50,000 statements, drawn at random: more change no topic and cost minutes."""
    if len(said) <= _MOST_STATEMENTS:
        return said.reset_index(drop=True)
    kept = np.sort(np.random.default_rng(seed).choice(len(said), _MOST_STATEMENTS, replace=False))
    return said.iloc[kept].reset_index(drop=True)


def _doubts(languages: list[dict[str, Any]], statements: pd.DataFrame) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = [
        {"what": "unstable", "language": each["language"], "stability": each["stability"]}
        for each in languages
        if each["stability"] < _NO_TOPICS_BELOW
    ]
    counts = statements["language"].value_counts()
    notes += [
        {"what": "sampled", "language": str(name), "count": int(count), "kept": _MOST_STATEMENTS}
        for name, count in counts.items()
        if count > _MOST_STATEMENTS
    ]
    return notes


def _row(
    language: str, title: str, found: Topics, topic: int, said: pd.DataFrame, customers: pd.DataFrame
) -> dict[str, Any]:
    raised = pd.Series(found.raised[:, topic])
    people = raised.groupby(said["customer_id"]).any()
    known = customers.set_index("customer_id").reindex(people.index)
    churn = known.get("churn_probability", pd.Series(np.nan, index=people.index)).astype("float64")
    at_risk = known.get("value_at_risk", pd.Series(np.nan, index=people.index)).astype("float64")
    # A customer's comments are not independent: each customer counts once on either side.
    liking = said.groupby([said["customer_id"], raised.rename("raised")])["satisfaction"].mean()
    return {
        "language": language,
        "topic": title,
        "words": ", ".join(found.words[topic]),
        "customers": int(people.sum()),
        **share_of(int(people.sum()), len(people)),
        **_change(raised, said),
        **compare_means(
            liking.reset_index(drop=True),
            pd.Series(liking.index.get_level_values("raised").to_numpy(dtype=bool)),
            "satisfaction",
        ),
        **compare_means(churn.reset_index(drop=True), people.reset_index(drop=True), "churn"),
        "value_at_risk": float(at_risk[people].sum(min_count=1)),
    }


def _change(raised: pd.Series[bool], said: pd.DataFrame) -> dict[str, Any]:
    days = said["day"].dropna()
    if len(days) < 2 or days.min() == days.max():
        return change_of_share((0, 0), (0, 0))
    middle = days.min() + (days.max() - days.min()) / 2
    halves = []
    for inside in (said["day"] <= middle, said["day"] > middle):
        people = raised[inside].groupby(said.loc[inside, "customer_id"]).any()
        halves.append((int(people.sum()), len(people)))
    return change_of_share(*halves)


def _examples(
    language: str, titles: list[str], found: Topics, topic: int, said: pd.DataFrame
) -> list[dict[str, str]]:
    """Choose the clearest comments on a topic, one of a customer, longer ones first."""
    share = found.shares[:, topic]
    length = said["text"].str.len().clip(upper=_LONGEST_EXAMPLE).to_numpy()
    chosen: list[dict[str, str]] = []
    seen: set[object] = set()
    for place in np.lexsort((np.arange(len(said)), -length, -np.round(share, 2))):
        person, text = said["customer_id"].iloc[place], said["text"].iloc[place]
        if not found.raised[place, topic] or len(chosen) == _EXAMPLES:
            break
        gist = frozenset(tokens(text, language))
        if person in seen or gist in seen:
            continue
        seen |= {person, gist}
        chosen.append(
            {
                "language": language,
                "topic": titles[topic],
                "source": said["source"].iloc[place],
                "example": _shortened(text),
            }
        )
    return chosen


def _shortened(text: str) -> str:
    """Shorten a text to whole words.

    Examples
    --------
    >>> len(_shortened("word " * 100)) <= 241
    True
    """
    text = " ".join(text.split())
    if len(text) <= _LONGEST_EXAMPLE:
        return text
    cut = text[:_LONGEST_EXAMPLE]
    return (cut.rsplit(" ", 1)[0] if " " in cut[_LONGEST_EXAMPLE // 2 :] else cut) + "…"


def _by_quarter(language: str, titles: list[str], found: Topics, said: pd.DataFrame) -> pd.DataFrame:
    quarter = said["day"].dt.to_period("Q").astype("str").where(said["day"].notna())
    parts = []
    for topic, title in enumerate(titles):
        people = pd.Series(found.raised[:, topic]).groupby([quarter, said["customer_id"]]).any()
        by_quarter = people.groupby(level=0).agg(["sum", "size", "mean"])
        parts.append(
            pd.DataFrame(
                {
                    "language": language,
                    "topic": title,
                    "quarter": by_quarter.index,
                    "customers": by_quarter["sum"].to_numpy(),
                    "commenting": by_quarter["size"].to_numpy(),
                    "share": by_quarter["mean"].to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _language(language: str, found: Topics, said: pd.DataFrame) -> dict[str, Any]:
    stability = np.nan
    if len(found.stability):
        at = found.stability.set_index("topics")["stability"]
        stability = float(at.get(len(found.words), np.nan))
    return {
        "language": language,
        "statements": len(said),
        "customers": said["customer_id"].nunique(),
        "topics": len(found.words),
        "stability": stability,
        "without_topic": float((found.shares.sum(axis=1) == 0).mean()),
    }
