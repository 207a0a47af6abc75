"""Contract data opened by a job."""

from __future__ import annotations

from datetime import date
from typing import Any

from guanxi.data.contracts.log import ContractLog, read_contracts
from guanxi.data.sources.source import Source
from guanxi.data.usability import Usability, day_after_the_data
from guanxi.features.contracts.usability import assess_contracts
from guanxi.jobs._opened_log import source_name
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params


def open_contracts(
    source: Source, params: Params, reporter: Reporter, *, memory: str | None = None
) -> ContractLog:
    """Read contracts and warn of what was found in them."""
    with reporter.step(f"read {source_name(source)}"):
        log = read_contracts(source, params, memory=memory)
    for finding in log.findings:
        reporter.warn(str(finding))
    return log


def assess_source(source: Source, params: Params, reporter: Reporter) -> tuple[ContractLog, Usability]:
    """Read contracts, and assess their usability; what was found in them stands in its warnings."""
    with reporter.step(f"read {source_name(source)}"):
        log = read_contracts(source, params)
        day = log.last_day if log.form == "customers" else params.as_of or log.last_day
        return log, assess_contracts(log, day, params.horizon_days)


def contract_day(log: ContractLog, params: Params, reporter: Reporter) -> date:
    """Return the day of the parameters, else the last day of the data; a file of customers has only that."""
    if log.form == "customers":
        return log.last_day
    day = params.as_of or log.last_day
    later = day_after_the_data(log, day)
    if later is not None:
        reporter.warn(str(later))
    return day


def contract_facts(log: ContractLog) -> dict[str, Any]:
    """Facts about the data, for MLflow and the page."""
    return {
        "form": log.form,
        "lines_read": log.lines_read,
        "lines_accepted": log.lines_accepted,
        "rejected_by_rule": log.rejected_by_rule,
        "customers": log.customers,
        "customers_without_contract": log.customers_without_contract,
        "first_day": log.first_day.isoformat(),
        "last_day": log.last_day.isoformat(),
        "left_out": log.left_out,
        "warnings": [str(each) for each in log.findings],
    }
