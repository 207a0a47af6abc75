"""How groups use the answer scale, and whether their scores can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from guanxi.errors import FitError
from guanxi.scorecard.voice._comparisons import compare_means
from guanxi.scorecard.voice._factor_model import LEVELS, fit_factor_model
from guanxi.scorecard.voice._survey_answers import Answers

Verdict = Literal["means", "relations", "structure", "nothing", "unknown"]
_FEWEST = 100  # customers of a group for a factor model; fewer are only described
_FEWEST_SHOWN = 10
_MOST_GROUPS = 10
_GOOD_FIT, _LARGEST_DROP = 0.9, 0.01
STYLES = ("net_acquiescence", "extreme", "midpoint")


@dataclass(frozen=True)
class ResponseStyles:
    """Use of the scale by group, and what of the scores is comparable between groups.

    Attributes
    ----------
    styles : pandas.DataFrame
        One row per group: ``group, customers``; ``net_acquiescence``, the share of answers above the middle
        less that below; ``extreme``, the share at either end; ``midpoint``, the share at the middle; each
        with its difference from the other groups and 90 % limits.
    invariance : pandas.DataFrame
        One row per level (``configural, metric, scalar``): ``chi_square, degrees, comparative_fit,
        root_mean_square_error, drop`` of the fit from the level before, ``holds``. Empty if not judged.
    verdict : str
        ``means``: means are comparable; ``relations``: correlations and paths are, means are not;
        ``structure``: only which questions belong together; ``nothing``; ``unknown``: could not be judged.
    groups : tuple of str
        Groups in the factor model.
    """

    styles: pd.DataFrame = field(repr=False)
    invariance: pd.DataFrame = field(repr=False)
    verdict: Verdict
    groups: tuple[str, ...]


def response_styles(answers: Answers) -> ResponseStyles | None:
    """Compare the use of the scale between groups; None with fewer than two groups.

    Styles are counted over all questions, each customer once; they cannot be told from true differences of
    opinion, above all where all questions ask for the same. Comparability of the scores is judged by a
    confirmatory factor model of several groups: constructs of several questions are correlated factors, or,
    if there are none, all questions have one factor. A level holds if its comparative fit is .9 or more
    (configural) and falls by no more than .01 from the level before (metric: equal loadings; scalar: equal
    intercepts, too). Groups of fewer than 100 customers are left out of it.

    References
    ----------
    Baumgartner, H. and Steenkamp, J.-B. E. M. (2001), Response styles in marketing research: a cross-national
    investigation, Journal of Marketing Research 38(2).
    Steenkamp, J.-B. E. M. and Baumgartner, H. (1998), Assessing measurement invariance in cross-national
    consumer research, Journal of Consumer Research 25(1). Cheung, G. W. and Rensvold, R. B. (2002),
    Evaluating goodness-of-fit indexes for testing measurement invariance, Structural Equation Modeling 9(2).
    """
    if answers.culture is None:
        return None
    used = _use_of_scale(answers.ratings)
    sizes = used.groupby("culture").size()
    shown = sorted(sizes.index[sizes >= _FEWEST_SHOWN])
    if len(shown) < 2:
        return None
    groups = answers.culture.map(str, na_action="ignore")
    people = (
        answers.table.groupby(groups)["customer_id"].nunique().sort_values(ascending=False, kind="stable")
    )
    large = [str(name) for name in people.index[(people >= _FEWEST).to_numpy()]][:_MOST_GROUPS]
    invariance, verdict = _invariance(answers, groups, large)
    return ResponseStyles(_styles(used, shown), invariance, verdict, tuple(large) if len(invariance) else ())


def _use_of_scale(ratings: pd.DataFrame) -> pd.DataFrame:
    """Shares of each customer's answers in each culture: ``culture`` and the styles."""
    known = ratings[ratings["culture"].notna()]
    used = pd.DataFrame(
        {
            "customer_id": known["customer_id"],
            "culture": known["culture"].astype("str"),
            "net_acquiescence": np.sign(known["rating"] - 0.5),
            "extreme": known["rating"].isin([0.0, 1.0]).astype("float64"),
            "midpoint": (known["rating"] == 0.5).astype("float64"),
        }
    )
    return used.groupby(["culture", "customer_id"], as_index=False)[list(STYLES)].mean()


def _styles(used: pd.DataFrame, shown: list[str]) -> pd.DataFrame:
    rows = []
    for group in shown:
        inside = used["culture"] == group
        row: dict[str, Any] = {"group": group, "customers": int(inside.sum())}
        for style in STYLES:
            row |= compare_means(used[style], inside, style)
        rows.append(row)
    return pd.DataFrame(rows)


def _invariance(answers: Answers, groups: pd.Series[Any], large: list[Any]) -> tuple[pd.DataFrame, Verdict]:
    several = [own for own in answers.constructs.values() if len(own) > 1]
    factors = several or [tuple(question for own in answers.constructs.values() for question in own)]
    questions = [question for own in factors for question in own]
    if len(large) < 2 or len(questions) < 3 or (len(factors) > 1 and len(questions) < 4):
        return pd.DataFrame(), "unknown"
    samples = [answers.table.loc[(groups == name).to_numpy(), questions].dropna() for name in large]
    if any(len(each) < _FEWEST or (each.std() < 1e-9).any() for each in samples):
        return pd.DataFrame(), "unknown"
    places = np.repeat(np.arange(len(factors)), [len(own) for own in factors])
    rows: list[dict[str, Any]] = []
    try:
        for level in LEVELS:
            fit = fit_factor_model([each.to_numpy() for each in samples], places, level)
            drop = rows[-1]["comparative_fit"] - fit.comparative_fit if rows else np.nan
            fits = fit.comparative_fit >= _GOOD_FIT if not rows else drop <= _LARGEST_DROP
            rows.append({"level": level} | vars(fit) | {"drop": drop, "holds": bool(fits)})
    except (FitError, np.linalg.LinAlgError):
        return pd.DataFrame(), "unknown"
    table = pd.DataFrame(rows)
    table["holds"] = table["holds"].cummin()
    verdicts: tuple[Verdict, ...] = ("nothing", "structure", "relations", "means")
    return table, verdicts[int(table["holds"].sum())]
