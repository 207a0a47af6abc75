"""The page of a model of contracts: value, who is at risk, why, cohorts, equity, how far to trust it."""

from guanxi.report.contracts._contract_page import ContractReport, render_contracts

__all__ = ["ContractReport", "render_contracts"]
