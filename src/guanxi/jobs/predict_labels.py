"""``guanxi predict`` with a model trained on labels: score customers by their attributes."""

from __future__ import annotations

import pandas as pd

from guanxi.data.attributes import AttributeTable, read_attributes
from guanxi.errors import ParamsError
from guanxi.jobs.progress import Progress
from guanxi.jobs.validate import source_name
from guanxi.params import Params
from guanxi.registry.models import LoadedModel


def score_labelled(
    source: str | pd.DataFrame,
    loaded: LoadedModel,
    params: Params,
    drivers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Give ``customer_id, churn_probability``, the drivers and ``model_version``, in the order of the source.

    A category that training has not seen counts as missing, and is told; columns that the model does not know
    are ignored.

    Raises
    ------
    ParamsError
        If a day was asked for: such a model has none.
    SourceError, DataError
        As :func:`guanxi.data.attributes.read_attributes`.
    """
    if params.as_of is not None:
        raise ParamsError(
            f"model {source_name(loaded.uri)} was trained on labels and knows no days: leave --as-of out"
        )
    progress = progress or Progress()
    with progress.step(f"read {'the table' if isinstance(source, pd.DataFrame) else source_name(source)}"):
        customers = read_attributes(source, loaded.id_column, loaded.attributes, params.data)
    for note in unseen(customers, loaded):
        progress.say(f"   {note}")
    with progress.step("score"):
        scores = loaded.predict(customers.attributes, drivers=drivers)
    scores.insert(0, "customer_id", customers.ids.to_numpy())
    return scores.assign(model_version=loaded.version)


def unseen(customers: AttributeTable, loaded: LoadedModel) -> list[str]:
    """Tell of categories that training has not seen."""
    notes = []
    for name, categories in loaded.attributes.items():
        if categories is None:
            continue
        values = customers.attributes[name].dropna()
        new = values[~values.isin(categories)]
        if len(new):
            notes.append(
                f"{name!r}: {new.iloc[0]!r} and the like were not seen in training, {len(new):,} rows"
            )
    return notes
