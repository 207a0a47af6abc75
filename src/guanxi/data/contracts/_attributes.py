"""Attributes of customers: the columns of a file of customers that are not mapped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from guanxi.data.attributes import _readable_columns
from guanxi.data.contracts._columns import map_columns
from guanxi.data.relations._lines import RelationReader
from guanxi.data.sources.source import Source
from guanxi.data.sources.source_table import ROW, SourceTable, free_names
from guanxi.params import DataParams, Params

if TYPE_CHECKING:
    from guanxi.data.contracts.log import ContractLog

# Names of the feature tables, which an attribute of the same name leaves to them.
RESERVED = (
    *("customer_id", "spell", "spells", "start", "entry", "renewals", "opportunity", "next_opportunity"),
    *("churned", "amount", "first_amount", "amount_changes", "last_change", "periods_since_change"),
    *("periods_away", "plan", "channel", "as_of"),
)


def attribute_columns(
    connection: Any, form: str, source: SourceTable, accepted: Any, data: DataParams, exclude: frozenset[str]
) -> tuple[Any, dict[str, str]]:
    """Create the engine table of attributes, as numbers or text; None if there are none.

    Returns also the columns that are no attributes, and why.
    """
    if form != "customers":
        return None, {}
    mapped = set(map_columns(form, source, data).values())
    columns, left_out = _readable_columns(source, "")
    columns = {name: column for name, column in columns.items() if name not in mapped and name not in exclude}
    names = free_names(list(columns), set(RESERVED))
    given = source.table.select(
        guanxi_row=source.table[ROW], **{names[name]: columns[name] for name in columns}
    )
    lines = accepted.select("customer_id", "line_number")
    joined = lines.inner_join(given, lines.line_number == given.guanxi_row)
    table = connection.create_table("attributes", joined.drop("line_number", "guanxi_row"))
    return table, {name: why for name, why in left_out.items() if name not in mapped}


_NOT_ATTRIBUTES = ("customer_id", "acquired_on", "referred_by")


def with_customers(
    log: ContractLog, customers: Source, params: Params, exclude: frozenset[str]
) -> ContractLog:
    """Add the attributes of a table of customers."""
    relation = RelationReader(log.connection, "customers", params.relations.customers, log.data, log).read(
        customers
    )
    kept = [name for name in relation.table.columns if name not in _NOT_ATTRIBUTES and name not in exclude]
    taken = set(RESERVED) | set(log.attributes.columns if log.attributes is not None else ())
    names = free_names(kept, taken)
    table = relation.table.select("customer_id", **{names[name]: relation.table[name] for name in kept})
    if log.attributes is not None:
        table = log.attributes.left_join(table, "customer_id").drop("customer_id_right")
    attributes = log.connection.create_table("all_attributes", table)
    findings = (*log.findings, *relation.findings)
    return replace(log, attributes=attributes, left_out=log.left_out | relation.left_out, findings=findings)
