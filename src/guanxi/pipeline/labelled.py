"""Churn models fitted to a label column and customer attributes, without a transaction log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.attributes import AttributeTable
from guanxi.models import ChurnClassifier
from guanxi.params import Params
from guanxi.pipeline.folds import FOLDS, stratified_folds
from guanxi.pipeline.leaks import find_leaks
from guanxi.served.attribute_scorer import LabelScorer, matrix
from guanxi.served.model import Attribute, Drivers, LabelLimits, ServedLabelModel
from guanxi.served.texts import Language


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
    fold_scorers : tuple of LabelScorer
        Scorer of each fold's customers, fitted without them.
    leaks : dict of str to str
        Attributes that tell the label alone: :func:`guanxi.pipeline.leaks.find_leaks`.
    """

    model: ServedLabelModel
    trees: dict[str, list[str]] = field(repr=False)
    features: pd.DataFrame = field(repr=False)
    held_out: pd.DataFrame = field(repr=False)
    fold_scorers: tuple[LabelScorer, ...] = field(repr=False)
    leaks: dict[str, str]

    @property
    def scorer(self) -> LabelScorer:
        """Scorer of attribute tables."""
        return LabelScorer(self.model, self.trees)

    def score_held_out(self, language: Language | None = None) -> pd.DataFrame:
        """Score each customer with the model fitted without their fold.

        Parameters
        ----------
        language : {"en", "zh"}, optional
            Of the drivers' texts; default: as fitted.

        Returns
        -------
        pandas.DataFrame
            ``customer_id, churned`` and the columns of :meth:`LabelScorer.score`, in the order of
            :attr:`held_out`.
        """
        fold = self.held_out["fold"].to_numpy()
        scores = pd.concat(
            scorer.score(self.features[fold == number], language=language)
            for number, scorer in enumerate(self.fold_scorers)
        )
        return self.held_out[["customer_id", "churned"]].join(scores)


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
    folds = stratified_folds(label, params.seed)
    scorers = []
    for fold in range(FOLDS):
        on_step(f"fold {fold + 1} of {FOLDS}")
        training = folds != fold
        scorers.append(LabelScorer(*_fit(attributes[training], label[training], params, id_column)))
    on_step("all customers")
    leaks = find_leaks(attributes, label, params.seed)
    model, trees = _fit(attributes, label, params, id_column)
    left_out = (f"column {name!r} is left out: it {why}" for name, why in customers.left_out.items())
    held_out = {
        "customer_id": customers.ids.to_numpy()[order],
        "fold": folds,
        "churned": label,
        "churn_probability": _held_out_probability(attributes, folds, scorers),
    }
    return FittedLabels(
        model=replace(model, warnings=(*left_out, *leaks.values())),
        trees=trees,
        features=attributes,
        held_out=pd.DataFrame(held_out),
        fold_scorers=tuple(scorers),
        leaks=leaks,
    )


def describe(attributes: pd.DataFrame) -> tuple[Attribute, ...]:
    """Describe attributes: sorted categories with their shares, or the median of a number."""
    return tuple(_describe(str(name), values) for name, values in attributes.items())


def _describe(name: str, values: pd.Series[Any]) -> Attribute:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return Attribute(name, None, float(values.median()))
    shares = (values.value_counts() / len(values)).sort_index()
    return Attribute(name, tuple(shares.index), tuple(shares.round(4).tolist()))


def _held_out_probability(
    attributes: pd.DataFrame, folds: NDArray[np.intp], scorers: Sequence[LabelScorer]
) -> NDArray[np.float64]:
    churn = np.empty(len(folds))
    for fold, scorer in enumerate(scorers):
        held_out = folds == fold
        churn[held_out] = scorer.score(attributes[held_out], drivers=0)["churn_probability"]
    return churn


def _fit(
    attributes: pd.DataFrame, label: NDArray[np.float64], params: Params, id_column: str
) -> tuple[ServedLabelModel, dict[str, list[str]]]:
    """Fit a model to customers; return its document and its trees."""
    described = describe(attributes)
    categorical = [place for place, each in enumerate(described) if each.categories is not None]
    classifier = ChurnClassifier(
        **params.churn.lightgbm.model_dump(), categorical_features=categorical, random_state=params.seed
    ).fit(matrix(attributes, described), label)
    model = ServedLabelModel(
        id=id_column,
        attributes=described,
        drivers=Drivers(params.drivers.top),
        language=params.language,
        limits=LabelLimits(len(attributes)),
    )
    return model, {"churn": [booster.model_to_string() for booster in classifier.boosters_]}
