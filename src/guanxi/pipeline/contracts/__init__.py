"""Everything fitted at one cutoff for customers under contract."""

from guanxi.pipeline.contracts.fit import FittedContracts, fit_opportunities

__all__ = ["FittedContracts", "fit_opportunities"]
