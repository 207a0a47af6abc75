"""What a scoring job tells of the table it made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Manifest:
    """Says what stands in a prediction table and where it came from.

    Attributes
    ----------
    guanxi : str
        Version of the package.
    engine : str
        ``duckdb`` or ``spark``.
    model, model_version, model_id : str
        Address asked for; version in the registry; MLflow's identifier of the logged model.
    source, source_digest : str
        Without passwords; digest of the accepted lines, as it is logged with a training (None from Spark).
    as_of : str or None
        ISO date; None for a model trained on labels, as are the next two and the counts of lines.
    horizon_days : int or None
    drivers : int
    rows : int
        Customers in the table.
    lines_read, lines_rejected, customers_without_purchase : int or None
    rejected_by_rule : dict of str to int
    chunks, resumed_chunks : int or None
        Parts it was scored in; how many of them an earlier job had done. None from Spark.
    started, ended : str
        ISO times with their offset; of the job that ended it.
    seconds : float
    """

    guanxi: str
    model: str
    model_version: str
    model_id: str
    source: str
    source_digest: str | None
    as_of: str | None
    horizon_days: int | None
    drivers: int
    rows: int
    lines_read: int | None
    lines_rejected: int | None
    rejected_by_rule: dict[str, int]
    customers_without_purchase: int | None
    started: str
    ended: str
    seconds: float
    chunks: int | None = None
    resumed_chunks: int | None = None
    engine: str = "duckdb"

    def to_dict(self) -> dict[str, Any]:
        """Give the fields by name, as they are written."""
        return asdict(self)
