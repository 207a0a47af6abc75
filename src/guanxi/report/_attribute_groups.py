"""Who left, by groups of the strongest attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report.figures import _strongest_drivers
from guanxi.served.texts import Language, five_digits, texts

if TYPE_CHECKING:
    from guanxi.report.figures import Explanation

_ATTRIBUTES = 6
_GROUPS = 4


def leavers_by_group(
    customers: pd.DataFrame, attributes: pd.DataFrame, explanation: Explanation, language: Language
) -> pd.DataFrame:
    """Compare observed and predicted shares of leavers between groups of the strongest attributes.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``churned, churn_probability``.
    attributes : pandas.DataFrame
        In the same order: numbers, which are divided at their quartiles, or text, of which the four most
        frequent values are shown.
    explanation : shap.Explanation
        Its feature names are columns of the attributes.
    language : {"en", "zh"}

    Returns
    -------
    pandas.DataFrame
        ``attribute, group, customers, observed, predicted``, the strongest attribute first.
    """
    strongest = [str(explanation.feature_names[i]) for i in _strongest_drivers(explanation, _ATTRIBUTES)]
    tables = []
    for name in strongest:
        groups = _groups(attributes[name], language)
        measured = customers.groupby(groups.to_numpy(), sort=False)
        table = measured[["churned", "churn_probability"]].mean().set_axis(["observed", "predicted"], axis=1)
        table["customers"] = measured.size()
        order = [each for each in groups.cat.categories if each in table.index]
        tables.append(table.loc[order].rename_axis("group").reset_index().assign(attribute=name))
    columns = ["attribute", "group", "customers", "observed", "predicted"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _groups(values: pd.Series[Any], language: Language) -> pd.Series[Any]:
    """Divide customers by quartiles or frequent values; ordered categories."""
    missing = str(texts("guanxi.served", language)["attributes"]["missing"])
    if pd.api.types.is_numeric_dtype(values.dtype):
        labels = _quartiles(values)
    else:
        frequent = list(values.value_counts().index[:_GROUPS])
        others = values.where(values.isna() | values.isin(frequent), "…")
        labels = pd.Series(pd.Categorical(others, [*frequent, "…"]), index=values.index)
    return labels.cat.add_categories([missing]).fillna(missing)


def _quartiles(values: pd.Series[Any]) -> pd.Series[Any]:
    if values.nunique() <= _GROUPS:
        codes = pd.Categorical(values)
        return pd.Series(codes.rename_categories(five_digits), values.index)
    quartiles = np.unique(np.nanquantile(values, np.arange(1, _GROUPS) / _GROUPS))
    inner = quartiles[quartiles < values.max()]
    place = np.searchsorted(inner, values.to_numpy(dtype=float), side="left")
    names = []
    for number in range(len(inner) + 1):
        inside = values[(place == number) & values.notna().to_numpy()]
        low, high = five_digits(float(inside.min())), five_digits(float(inside.max()))
        names.append(low if low == high else f"{low} – {high}")
    known = values.notna().to_numpy()
    groups = pd.Categorical.from_codes(np.where(known, place, -1).astype(np.int64), pd.Index(names))
    return pd.Series(groups, index=values.index)
