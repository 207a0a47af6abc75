"""The canonical table of contracts, and every rejected line with the rule it broke."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from guanxi.data._findings import DataFinding
from guanxi.data.contracts import _contract_columns, _contract_rules, _forms
from guanxi.data.contracts._attributes import attribute_columns, check_excluded, with_customers
from guanxi.data.contracts._contract_findings import advice, overlapping, rejections
from guanxi.data.contracts._observation import observed_until
from guanxi.data.engine import _all_cores, _check_timestamp_format, _connect, explain_no_space
from guanxi.data.sources.source import Source
from guanxi.data.sources.source_table import SourceTable
from guanxi.data.transactions import WITHOUT_AMOUNTS, _all_rejected, _read, _rejected_lines
from guanxi.errors import DataError, ParamsError
from guanxi.params import ContractParams, DataParams, Params
from guanxi.periods import days_per_unit


@dataclass(frozen=True)
class ContractLog:
    """Accepted and rejected lines of contract data, with their counts.

    Attributes
    ----------
    source : str
        As given, without passwords.
    form : str
        ``contracts``, ``customers`` (a file with one line per customer) or ``events``.
    params : ContractParams
    data : DataParams
        With the formats of times and numbers that were found.
    contracts : ibis.Table
        ``customer_id, start, end`` (the first day no longer under contract; null: running), ``amount`` (per
        ``params.period``; null in all lines if the source has none), ``plan``, ``channel``, ``line_number``.
    attributes : ibis.Table or None
        ``customer_id`` and further columns of a file of customers, as numbers or text.
    left_out : dict of str to str
        Columns that are not attributes, and why.
    rejected, lines_read, lines_accepted, rejected_by_rule, repeated_lines, has_amounts, findings
        As in :class:`guanxi.data.transactions.TransactionLog`.
    customers, customers_without_contract : int
        With and without an accepted line.
    first_day, last_day : date
        The first start, and the last day that the data tell about.
    """

    source: str
    form: str
    params: ContractParams
    data: DataParams
    connection: Any = field(repr=False)
    contracts: Any = field(repr=False)
    attributes: Any = field(repr=False)
    left_out: dict[str, str]
    rejected: Any = field(repr=False)
    lines_read: int
    lines_accepted: int
    rejected_by_rule: dict[str, int]
    repeated_lines: int
    has_amounts: bool
    customers: int
    customers_without_contract: int
    first_day: date
    last_day: date
    findings: tuple[DataFinding, ...] = ()

    @property
    def lines(self) -> Any:
        """The accepted lines, by the name that other logs have for them."""
        return self.contracts

    def close(self) -> None:
        """Close the engine."""
        self.connection.disconnect()


def read_contracts(
    source: Source,
    params: Params | None = None,
    *,
    customers: Source | None = None,
    memory: str | None = None,
) -> ContractLog:
    """Read contracts, a file of customers or a log of events into canonical contracts.

    Parameters
    ----------
    source : str, path or table
        See :func:`guanxi.data.sources.source.read_source`.
    params : Params, optional
        Its sections ``data`` (with ``exclude``, the columns that are no attributes), ``contracts`` and
        ``relations.customers``, and ``as_of``: the day on which a file of customers was written (default:
        today).
    customers : source, optional
        The table of customers with their attributes; default: ``params.relations.customers.source``.
    memory : str, optional
        Memory limit of the engine, such as ``1GB``.

    Raises
    ------
    SourceError
        If the source, or a column mapped or excluded, does not exist, or no form fits.
    DataError
        If no line is accepted.
    ParamsError
        If ``contracts.observed`` does not fit the form.
    OutputError
        If the engine runs out of space.

    Examples
    --------
    >>> contracts = pd.DataFrame({"customer_id": [1, 1], "start": ["2024-01-01", "2024-06-01"]})
    >>> contracts["end"] = ["2024-06-01", None]
    >>> log = read_contracts(contracts)
    >>> log.customers, log.lines_accepted, log.last_day.isoformat()
    (1, 2, '2024-06-01')
    """
    params = Params() if params is None else params
    if not isinstance(params, Params):
        raise ParamsError(f"params is a {type(params).__name__}: give a guanxi.params.Params")
    connection = _connect(params.data.timezone, memory)
    try:
        if params.data.timestamp_format:
            _check_timestamp_format(connection, params.data.timestamp_format)
        with explain_no_space(), _all_cores(connection):
            table = _read(connection, source, params.data)
            log = _Reader(connection, table, params).read()
            customers = params.relations.customers.source if customers is None else customers
            log = log if customers is None else with_customers(log, customers, params)
            check_excluded(log)
            return log
    except BaseException:
        connection.disconnect()
        raise


class _Reader:
    """Reads one source that is already in the engine."""

    def __init__(self, connection: Any, source: SourceTable, params: Params) -> None:
        self.connection, self.params = connection, params
        self.form = _contract_columns.form_of(source, params.data)
        if params.contracts.observed == "last_period" and self.form != "customers":
            raise ParamsError(
                f"contracts.observed=last_period is for a file of customers, but {source.name} has "
                f"{self.form}: set history, or the day from which on customers who left are in the data"
            )
        self.data, found = _contract_columns.resolve_formats(self.form, source, params.data)
        self.source = replace(source, findings=(*source.findings, *found))
        self.unit = params.contracts.period
        self.day = params.as_of or datetime.now(UTC).date()

    def read(self) -> ContractLog:
        judged = self._judged()
        rejected, by_rule = _rejected_lines(self.connection, self.source, judged, "rejected")
        accepted = judged.filter(judged.rule.isnull())
        n_accepted = int(accepted.count().execute())
        if n_accepted == 0:
            advise = functools.partial(advice, form=self.form, source=self.source, data=self.data)
            raise DataError(_all_rejected(self.source.name, by_rule, lambda rule: str(advise(rule))))
        contracts, ends = self._contracts(accepted)
        attributes, left_out = self._attributes(accepted)
        last_day, reach = observed_until(contracts, self.day if self.form == "customers" else None)
        facts = self._facts(judged, contracts)
        found = (
            *rejections(self.form, self.source, rejected, by_rule, n_accepted, self.data),
            *ends,
            *reach,
            *overlapping(contracts, self.params.contracts),
            *(() if facts["has_amounts"] else (WITHOUT_AMOUNTS,)),
        )
        # What reading the file proposed for unreadable lines stands in their rule's finding.
        noticed = [each for each in self.source.findings if each.name not in by_rule]
        for name in ("judged", "source"):
            self.connection.drop_table(name)
        return ContractLog(
            source=self.source.name,
            form=self.form,
            params=self.params.contracts,
            data=self.data,
            connection=self.connection,
            contracts=contracts,
            attributes=attributes,
            left_out=left_out,
            rejected=rejected,
            lines_read=n_accepted + sum(by_rule.values()),
            lines_accepted=n_accepted,
            rejected_by_rule=by_rule,
            last_day=last_day,
            findings=(*noticed, *found),
            **facts,
        )

    def _judged(self) -> Any:
        keep = functools.partial(self.connection.create_table, "given")
        columns = _contract_columns.canonical_columns(self.form, self.source, self.data, self.unit, keep)
        parsed = self.connection.create_table("parsed", columns)
        self.connection.drop_table("given")
        longest = _contract_rules.longest_tenure(days_per_unit(self.unit))
        judged = _contract_rules._apply_rules(parsed, self.form, self.data, longest)
        if self.form == "events":
            judged = _forms.judge_events(judged)
        if self.form == "customers":
            judged = _contract_rules._reject_second_lines(judged)
        table = self.connection.create_table("judged", judged)
        self.connection.drop_table("parsed")
        return table

    def _contracts(self, accepted: Any) -> tuple[Any, tuple[DataFinding, ...]]:
        found: tuple[DataFinding, ...] = ()
        if self.form == "events":
            contracts = _forms.contracts_of_events(accepted)
        elif self.form == "customers":
            contracts = _forms.contracts_of_customers(accepted, self.day, self.unit)
        else:
            contracts, found = _forms.contracts_with_ends(accepted)
        return self.connection.create_table("contracts", _forms.canonical(contracts)), found

    def _attributes(self, accepted: Any) -> tuple[Any, dict[str, str]]:
        if self.form != "customers":
            return None, {}
        history = self.params.contracts.observed == "history"
        table, left_out = attribute_columns(self.source, self.data, accepted, history=history)
        return None if table is None else self.connection.create_table("attributes", table), left_out

    def _facts(self, judged: Any, contracts: Any) -> dict[str, Any]:
        facts = contracts.agg(
            customers=contracts.customer_id.nunique(),
            has_amounts=contracts.amount.notnull().any(),
            first_day=contracts.start.min(),
        )
        row = facts.execute().iloc[0]
        everyone = judged.filter(judged.customer_id.notnull()).customer_id.nunique().execute()
        customers = int(row["customers"])
        return {
            "repeated_lines": int(judged.filter(judged.repeated).count().execute()),
            "has_amounts": bool(row["has_amounts"]),
            "customers": customers,
            "customers_without_contract": int(everyone) - customers,
            "first_day": pd.Timestamp(row["first_day"]).date(),
        }
