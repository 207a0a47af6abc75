"""Everything fitted at one cutoff for customers under contract."""

from guanxi.pipeline.contracts.fit import FittedContracts, customers_to_score, fit_contracts

__all__ = ["FittedContracts", "customers_to_score", "fit_contracts"]
