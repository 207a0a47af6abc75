"""``guanxi predict`` with a model trained on labels: score customers by their attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from guanxi.data.attributes import AttributeTable, attribute_digest, read_attributes
from guanxi.data.chunks import even_bounds
from guanxi.data.sources.source import Source
from guanxi.errors import ParamsError
from guanxi.jobs._opened_log import source_name
from guanxi.jobs._scoring import Scoring
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params
from guanxi.registry.loaded_model import LoadedLabelModel

_CUSTOMERS_AT_ONCE = 50_000


def labelled_scoring(
    loaded: LoadedLabelModel,
    source: Source,
    params: Params,
    horizon_days: int | None,
    drivers: int | None,
    reporter: Reporter,
) -> Scoring:
    """Read the customers to score; columns: ``customer_id, churn_probability``, drivers, ``model_version``.

    Customers keep the order of the source. A category not seen in training counts as missing and is reported;
    columns that the model does not use are ignored.

    Raises
    ------
    ParamsError
        If a day or a horizon is given: such a model has none.
    SourceError, DataError
        As :func:`guanxi.data.attributes.read_attributes`.
    """
    if horizon_days is not None:
        raise ParamsError(
            f"model {source_name(loaded.uri)} was trained on labels and has no horizon: leave --horizon out"
        )
    loaded.check_no_days(as_of=params.as_of)
    with reporter.step(f"read {source_name(source)}"):
        customers = read_attributes(source, loaded.served.id, loaded.served.categories, params.data)
    for note in _unseen(customers, loaded):
        reporter.say(f"   {note}")
    bounds = even_bounds(len(customers.ids), _CUSTOMERS_AT_ONCE)

    def score(numbers: Sequence[int]) -> Iterator[pd.DataFrame]:
        for number in numbers:
            rows = slice(*bounds[number : number + 2])
            scores = loaded.predict(customers.attributes.iloc[rows], drivers=drivers)
            scores.insert(0, "customer_id", customers.ids.iloc[rows].to_numpy())
            yield scores.assign(model_version=loaded.version)

    facts: dict[str, Any] = {
        "source": customers.source,
        "source_digest": attribute_digest(customers),
        "as_of": None,
        "horizon_days": None,
        "drivers": loaded.served.drivers.top if drivers is None else drivers,
        "lines_read": None,
        "lines_rejected": None,
        "rejected_by_rule": {},
        "customers_without_purchase": None,
    }
    # The digest does not depend on the order of the customers, but the parts do.
    order = str(pd.util.hash_pandas_object(customers.ids.reset_index(drop=True)).sum())
    also = {"order": order, "language": loaded.language or loaded.served.language}
    return Scoring(facts, bounds, pa.Array.from_pandas(customers.ids).type, score, also)


def _unseen(customers: AttributeTable, loaded: LoadedLabelModel) -> list[str]:
    """Describe categories not seen in training."""
    notes = []
    for name, categories in loaded.served.categories.items():
        if categories is None:
            continue
        values = customers.attributes[name].dropna()
        new = values[~values.isin(categories)]
        if len(new):
            notes.append(
                f"{name!r}: {len(new):,} rows with values not seen in training, such as {new.iloc[0]!r}"
            )
    return notes
