"""What ``guanxi init`` reads: whether the data can be used, and columns that tell the outcome."""

from __future__ import annotations

import numpy as np

from guanxi.data.attributes import read_labelled
from guanxi.data.sources.source import Source
from guanxi.data.usability import Usability
from guanxi.jobs._contract_log import assess_source, contract_day
from guanxi.jobs._opened_log import open_log, source_name
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params


def first_look(source: Source, params: Params, reporter: Reporter) -> tuple[Usability, dict[str, str]]:
    """Assess a source read by its parameters; tell by column what gives away who left."""
    if params.task == "labels":
        return _labels(source, params, reporter)
    if params.task == "contracts":
        return _contracts(source, params, reporter)
    opened = open_log(source, params, reporter)
    opened.log.close()
    return opened.usability, {}


def _contracts(source: Source, params: Params, reporter: Reporter) -> tuple[Usability, dict[str, str]]:
    from guanxi.pipeline.contracts.leaks import contract_leaks

    log, usability = assess_source(source, params, reporter)
    try:
        if not usability.usable:
            return usability, {}
        return usability, contract_leaks(log, contract_day(log, params, reporter), params.seed)
    finally:
        log.close()


def _labels(source: Source, params: Params, reporter: Reporter) -> tuple[Usability, dict[str, str]]:
    from guanxi.pipeline.leaks import find_leaks

    columns = params.data.columns
    with reporter.step(f"read {source_name(source)}"):
        customers = read_labelled(source, columns["customer_id"], columns["churned"], params.data)
        label = customers.label
        assert label is not None  # it was read with one
        leaks = find_leaks(customers.attributes, np.asarray(label, dtype=np.float64), params.seed)
    left = int(label.sum())
    facts = [
        ("source", customers.source),
        ("customers", f"{len(label):,}"),
        ("left", f"{left:,} ({left / len(label):.1%})"),
        ("attributes", f"{customers.attributes.shape[1] - len(leaks):,}"),
    ]
    notes = [f"column {name!r} is left out: it {why}" for name, why in customers.left_out.items()]
    numbers = {"customers": len(label), "churned": left}
    return Usability(facts, [], notes, True, numbers), leaks
