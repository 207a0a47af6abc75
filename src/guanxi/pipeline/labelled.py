"""Churn models fitted to a label column and customer attributes, without a transaction log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.attributes import AttributeTable
from guanxi.models import ChurnClassifier
from guanxi.params import Params
from guanxi.served.attribute_scorer import LabelScorer, matrix
from guanxi.served.corrections import probability
from guanxi.served.model import Attribute, Drivers, LabelLimits, ServedLabelModel

FOLDS = 5
SUSPICIOUS_AUC = 0.99


@dataclass(frozen=True)
class FittedLabels:
    """A churn model fitted to labels, and its cross-validated predictions.

    Attributes
    ----------
    model : ServedLabelModel
    trees : dict of str to list of str
        The boosters in LightGBM's text format, one per seed.
    features : pandas.DataFrame
        The training attributes.
    held_out : pandas.DataFrame
        ``customer_id, fold, churned, churn_probability``: each customer's probability from a model fitted
        without the customer's fold.
    """

    model: ServedLabelModel
    trees: dict[str, list[str]] = field(repr=False)
    features: pd.DataFrame = field(repr=False)
    held_out: pd.DataFrame = field(repr=False)

    @property
    def scorer(self) -> LabelScorer:
        """Scorer of attribute tables."""
        return LabelScorer(self.model, self.trees)


def fit_labels(
    customers: AttributeTable,
    params: Params,
    *,
    id_column: str = "customer_id",
    on_step: Callable[[str], None] = lambda _: None,
) -> FittedLabels:
    """Evaluate by cross-validation, and fit the served model to all customers.

    Customers are sorted by identifier, so the order of the source does not matter. Folds are stratified.
    Early stopping (:class:`guanxi.models.ChurnClassifier`) and the lists of categories use the training part
    only.

    Parameters
    ----------
    customers : AttributeTable
        From :func:`guanxi.data.attributes.read_labelled`.
    params : Params
        ``churn.lightgbm``, ``seed``, ``drivers.top`` and ``language``.
    id_column : str
        Name of the identifier column in tables to be scored.
    """
    order = np.argsort(customers.ids.astype(str).to_numpy(), kind="stable")
    attributes = customers.attributes.iloc[order].reset_index(drop=True)
    label = np.asarray(customers.label, dtype=np.float64)[order]
    held_out = _cross_validated(attributes, label, params, on_step)
    held_out.insert(0, "customer_id", customers.ids.to_numpy()[order])
    on_step("all customers")
    described = describe(attributes)
    classifier = _fit(attributes, label, described, params)
    return FittedLabels(
        model=ServedLabelModel(
            id=id_column,
            attributes=described,
            drivers=Drivers(params.drivers.top),
            language=params.language,
            limits=LabelLimits(len(attributes)),
            warnings=(
                *(f"column {name!r} is left out: it {why}" for name, why in customers.left_out.items()),
                *_give_aways(attributes, label, params.seed),
            ),
        ),
        trees={"churn": [booster.model_to_string() for booster in classifier.boosters_]},
        features=attributes,
        held_out=held_out,
    )


def describe(attributes: pd.DataFrame) -> tuple[Attribute, ...]:
    """Describe attributes: sorted categories with their shares, or the median of a number."""
    return tuple(_describe(str(name), values) for name, values in attributes.items())


def _describe(name: str, values: pd.Series[Any]) -> Attribute:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return Attribute(name, None, float(values.median()))
    shares = (values.value_counts() / len(values)).sort_index()
    return Attribute(name, tuple(shares.index), tuple(shares.round(4).tolist()))


def _give_aways(attributes: pd.DataFrame, label: NDArray[np.float64], seed: int = 0) -> list[str]:
    """Warn of attributes that alone predict churn almost perfectly, perhaps recorded after the outcome."""
    found = {str(name): _auc_alone(values, label, seed) for name, values in attributes.items()}
    return [
        f"column {name!r} alone identifies who churned (AUC {value:.3f}): if it was recorded after the "
        "outcome, leave it out"
        for name, value in found.items()
        if value > SUSPICIOUS_AUC
    ]


def _cross_validated(
    attributes: pd.DataFrame, label: NDArray[np.float64], params: Params, on_step: Callable[[str], None]
) -> pd.DataFrame:
    log_odds = np.empty(len(label))
    folds = _folds(label, params.seed)
    for fold in range(FOLDS):
        on_step(f"fold {fold + 1} of {FOLDS}")
        training, held_out = folds != fold, folds == fold
        described = describe(attributes[training])
        classifier = _fit(attributes[training], label[training], described, params)
        log_odds[held_out] = classifier.decision_function(matrix(attributes[held_out], described))
    return pd.DataFrame({"fold": folds, "churned": label, "churn_probability": probability(log_odds)})


def _fit(
    attributes: pd.DataFrame,
    label: NDArray[np.float64],
    described: Sequence[Attribute],
    params: Params,
) -> ChurnClassifier:
    categorical = [place for place, each in enumerate(described) if each.categories is not None]
    classifier = ChurnClassifier(
        **params.churn.lightgbm.model_dump(), categorical_features=categorical, random_state=params.seed
    )
    return classifier.fit(matrix(attributes, described), label)


def _folds(label: NDArray[np.float64], seed: int) -> NDArray[np.intp]:
    from sklearn.model_selection import StratifiedKFold

    folds = np.empty(len(label), dtype=np.intp)
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(label, label)
    for fold, (_, held_out) in enumerate(split):
        folds[held_out] = fold
    return folds


def _auc_alone(values: pd.Series[Any], label: NDArray[np.float64], seed: int) -> float:
    """AUC of one attribute: of a number itself, or of a category's share of churners in other folds."""
    from sklearn.metrics import roc_auc_score

    if not pd.api.types.is_numeric_dtype(values.dtype):
        return float(roc_auc_score(label, _shares_elsewhere(values, label, seed)))
    there = np.asarray(values, dtype=np.float64)
    ends = [np.where(np.isnan(there), end, there) for end in (np.nanmin(there) - 1.0, np.nanmax(there) + 1.0)]
    areas = [float(roc_auc_score(label, filled)) for filled in ends]
    return max(*areas, *(1.0 - area for area in areas))


def _shares_elsewhere(values: pd.Series[Any], label: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Share of churners in the same category in the other folds, so that rare categories do not leak."""
    codes = pd.factorize(values, use_na_sentinel=False)[0]
    folds, shares = _folds(label, seed), np.empty(len(label))
    for fold in range(FOLDS):
        elsewhere, here = folds != fold, folds == fold
        size = codes.max() + 1
        churners = np.bincount(codes[elsewhere], label[elsewhere], size)
        customers = np.bincount(codes[elsewhere], minlength=size)
        mean = label[elsewhere].mean()
        shares[here] = ((churners + mean) / (customers + 1.0))[codes[here]]
    return shares
