"""Everything fitted at one cutoff for customers under contract."""

from guanxi.pipeline.contracts.fit import (
    FittedContracts,
    customers_to_score,
    fit_contracts,
    with_time_to_renewal,
)

__all__ = ["FittedContracts", "customers_to_score", "fit_contracts", "with_time_to_renewal"]
