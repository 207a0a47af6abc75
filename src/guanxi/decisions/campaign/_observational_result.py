"""What is found of a campaign that was not randomised: tables, and sentences in two languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from guanxi.decisions.campaign._doubly_robust import ATE
from guanxi.decisions.campaign._remarks import campaign_texts, column_in_words, columns_in_words
from guanxi.served.texts import Language, number

EFFECT, DIFFERENCE = "effect", "difference"
MEANS, TRENDS = "difference_in_means", "difference_in_differences"
_NAMES = ("outcome", "covariate", "column")
_ROW = ("outcome", "arm", "method")
_INTERVAL = ("estimate", "lower", "upper")
_SENSITIVITY_COLUMNS = [
    *_ROW,
    *("e_value", "e_value_limit", "robustness_value", "robustness_limit"),
    *("strongest_covariate", "covariate_strength"),
]


@dataclass(frozen=True)
class Note:
    """A sentence about a result, to be said in the reader's language.

    Attributes
    ----------
    key : str
        Of a text in ``en.toml`` and ``zh.toml``, table ``observational``.
    values : mapping of str to str, or to a list of names
        What fills its placeholders; a value that is itself a key of the table, and names of outcomes and
        covariates, are translated.
    """

    key: str
    values: Mapping[str, str | list[str]] = field(default_factory=dict)

    def told(self, language: Language) -> str:
        """Say it in a language (en, zh).

        >>> Note("observational_no_covariates").told("en").split(":")[0]
        'No covariates are given'
        """
        known = campaign_texts(language)["observational"]
        said = {}
        for name, each in self.values.items():
            if isinstance(each, list):
                said[name] = columns_in_words(each, language)
            else:
                said[name] = column_in_words(each, language) if name in _NAMES else known.get(each, each)
        return str(known[self.key].format(**said))


@dataclass(frozen=True)
class ObservationalResult:
    """Differences and, where the checks allow the word, effects.

    Attributes
    ----------
    effects : pandas.DataFrame
        ``outcome, arm, method, kind`` (effect or difference), ``estimate, lower, upper, baseline`` (mean
        without the campaign of the same customers; for ``difference_in_means`` the control's mean), ``n``,
        ``ratio_error`` (of the logarithm of the mean with the campaign over the baseline; NaN for
        ``difference_in_means``).
        Methods: ``difference_in_means``, ``doubly_robust_ate`` (all customers), ``doubly_robust_att`` (the
        treated) and ``difference_in_differences``.
    overlap, propensities, balance : pandas.DataFrame
        By arm: see :func:`guanxi.decisions.campaign._overlap.overlap_table`, ``propensity_histogram`` and
        ``balance_table``; ``covariates_p_value`` of overlap tests whether covariates predict the arm.
    sensitivity : pandas.DataFrame
        By outcome, arm and doubly robust method: E-values and robustness values of estimate and interval
        limit, and the covariate whose omission would bias most, with its strength on the scale of the
        robustness value. The E-value of an outcome that is not 0 or 1 is approximate: see ``_sensitivity``.
    negative_controls : pandas.DataFrame
        By outcome, arm and doubly robust method: the "effect" on the mean outcome before the campaign.
    trends : pandas.DataFrame
        By outcome, arm and period before: how much further apart the arms were than in the last one.
    assumptions, warnings : tuple of Note
    """

    effects: pd.DataFrame = field(repr=False)
    overlap: pd.DataFrame = field(repr=False)
    propensities: pd.DataFrame = field(repr=False)
    balance: pd.DataFrame = field(repr=False)
    sensitivity: pd.DataFrame = field(repr=False)
    negative_controls: pd.DataFrame = field(repr=False)
    trends: pd.DataFrame = field(repr=False)
    assumptions: tuple[Note, ...]
    warnings: tuple[Note, ...]


@dataclass
class Found:
    """Rows of the tables of a result, and its notes, as they are found."""

    effects: list[dict[str, object]] = field(default_factory=list)
    overlap: list[pd.DataFrame] = field(default_factory=list)
    propensities: list[pd.DataFrame] = field(default_factory=list)
    balance: list[pd.DataFrame] = field(default_factory=list)
    sensitivity: list[dict[str, object]] = field(default_factory=list)
    negative_controls: list[dict[str, object]] = field(default_factory=list)
    trends: list[dict[str, object]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def warn(self, key: str, **values: str) -> None:
        """Add a warning, once."""
        note = Note(key, values)
        if note not in self.notes:
            self.notes.append(note)


def collect(found: Found, outcomes: list[str], covariates: list[str]) -> ObservationalResult:
    """Put together what was found, sorted by outcome."""
    effects = pd.DataFrame(found.effects)
    places = effects["outcome"].map({name: place for place, name in enumerate(outcomes)})
    effects = effects.iloc[np.argsort(places.to_numpy(), kind="stable")].reset_index(drop=True)
    return ObservationalResult(
        effects=effects,
        overlap=_together(found.overlap),
        propensities=_together(found.propensities),
        balance=_together(found.balance),
        sensitivity=pd.DataFrame(found.sensitivity, columns=_SENSITIVITY_COLUMNS),
        negative_controls=pd.DataFrame(found.negative_controls, columns=[*_ROW, *_INTERVAL]),
        trends=pd.DataFrame(found.trends, columns=["outcome", "arm", "period", *_INTERVAL, "p_value"]),
        assumptions=tuple(_assumptions(set(effects["method"]), covariates)),
        warnings=tuple(found.notes),
    )


def _assumptions(methods: set[str], covariates: list[str]) -> Iterator[Note]:
    yield Note("observational_assumes_difference")
    if f"doubly_robust_{ATE}" in methods:
        yield Note("observational_assumes_measured", {"covariates": covariates})
        yield Note("observational_assumes_time")
        yield Note("observational_assumes_overlap")
    if TRENDS in methods:
        yield Note("observational_assumes_trends")
    if methods != {MEANS}:
        yield Note("observational_assumes_separate")


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def interval_of(value: float, error: float, z: float) -> dict[str, object]:
    """Columns of an estimate and its interval; ``z`` is the normal quantile."""
    return {"estimate": value, "lower": value - z * error, "upper": value + z * error}


def p_value_text(p_value: float) -> str:
    """Format a p-value with its relation.

    >>> p_value_text(0.0123), p_value_text(1e-9)
    ('= 0.012', '< 0.001')
    """
    return f"= {number(p_value, 3)}" if p_value >= 0.001 else "< 0.001"
