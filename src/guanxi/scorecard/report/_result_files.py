"""Output folder of a scorecard."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi import __version__
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import check_replaceable, replaced_together
from guanxi.data.sinks.own_files import file_name, remove_own
from guanxi.data.sinks.spreadsheet import write_spreadsheet
from guanxi.params import Params
from guanxi.scorecard._day_tables import Reporter, with_denominators
from guanxi.scorecard._result import ScorecardResult
from guanxi.scorecard.exports._customer_systems import OWN_EXPORT, check_export, export_customers
from guanxi.scorecard.exports._import_layouts import LAYOUTS
from guanxi.scorecard.indicators import Indicator, catalogue_with, summarise_indicators
from guanxi.scorecard.report._content import report_content, weighing_method
from guanxi.scorecard.report._findings import findings_chapter
from guanxi.scorecard.report._listings import listings
from guanxi.scorecard.report._page import render_scorecard
from guanxi.scorecard.report._workbook import scorecard_sheets
from guanxi.scorecard.scoring._relationship import Relationship
from guanxi.scorecard.voice._voice_chapter import voice_chapter
from guanxi.scorecard.watch._watch_chapter import watch_chapter
from guanxi.scorecard.weights._factors import FactorWeights

# A larger workbook takes minutes (96,000 customers: four, and 100 MB) and is not read row by row.
_MOST_IN_A_WORKBOOK = 25_000
# File names of :func:`_tables`.
_OWN_TABLE = re.compile(
    r"(segments|roll_up|own_weights|migration|rejected)_.+|programme|targets|benchmarks|elasticities|agreement|actions|indicators"
    r"|voice_.+|importance|redundant|moves_by_chance|factor_loadings"
    r"|group_rules|weight_drift|weights_proposed|stability"
    r"|efficient_shares_.+|risk_return|decision_trees|tier_(transitions|equity|forecast|forecast_check)"
    r"|move_probability_check"
)
_OWN = re.compile(
    rf"scorecard\.(parquet|csv|xlsx|html)|(watch|risk_return)\.parquet|(weights|scale)\.json|tables/({_OWN_TABLE.pattern})\.csv"
)


def check_folder(folder: Path) -> None:
    """Check that the results can be written and replace an earlier scorecard only; OutputError if not."""
    for path in (folder / "scorecard.parquet", folder / "tables" / "programme.csv"):
        files.check_output(path)
    check_replaceable(folder, _OWN, "weights.json", ("method", "weights", "computed", "judged"))


def write_results(
    folder: Path,
    found: ScorecardResult,
    params: Params,
    reporter: Reporter,
    *,
    source: str,
    model_version: str,
) -> str:
    """Write all results and return the page; nothing is written before all of them have been checked.

    Parameters
    ----------
    folder : pathlib.Path
    found : ScorecardResult
    params : Params
    reporter : Reporter
    source, model_version : str
        As shown on the page.

    Raises
    ------
    ParamsError, DataError, OutputError
    """
    customers, exports = found.customers, params.scorecard.exports
    content = report_content(found, params, found.history)
    with reporter.step(f"write {folder}"):
        html = render_scorecard(
            content,
            listings(found, content),
            chapters=[
                findings_chapter(found, content),
                watch_chapter(found.movements, params.language),
                *([] if found.voice.empty else [voice_chapter(found.voice, params.language)]),
            ],
            source=source,
            as_of=found.as_of,
            model_version=model_version,
            generated_by=f"guanxi {__version__}",
        )
        sheets = scorecard_sheets(content)
        for system, export in exports.items():
            check_export(customers, folder / "exports" / system, system, export.fields)
        with replaced_together(folder) as new:
            files.write_table(customers, new / "scorecard.parquet")
            files.write_table(customers, new / "scorecard.csv")
            files.write_table(found.movements.watch, new / "watch.parquet")
            files.write_table(found.movements.risk, new / "risk_return.parquet")
            if len(customers) <= _MOST_IN_A_WORKBOOK:
                write_spreadsheet(sheets, new / "scorecard.xlsx")
            else:
                reporter.say(f"   more than {_MOST_IN_A_WORKBOOK:,} customers: no scorecard.xlsx")
            for name, document in documents(found.relationship, params).items():
                files.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", new / name)
            for name, table in _tables(found, catalogue_with(params.scorecard.indicators)).items():
                files.write_table(table, new / "tables" / f"{name}.csv")
            files.write_text(html, new / "scorecard.html")
            written = {path.relative_to(new) for path in new.rglob("*")}
        _remove_earlier(folder, written, params)
        for system, export in exports.items():
            done = export_customers(customers, folder / "exports" / system, system, export.fields)
            for warning in done.warnings:
                reporter.warn(f"{system}: {warning}")
    return html


def _remove_earlier(folder: Path, written: Collection[Path], params: Params) -> None:
    """Remove optional files of an earlier scorecard, so that they cannot be mistaken for new results."""
    for path in (folder / "scorecard.xlsx", *(folder / "tables").glob("*.csv")):
        own = path.name == "scorecard.xlsx" or _OWN_TABLE.fullmatch(path.stem)
        if own and path.relative_to(folder) not in written:
            path.unlink(missing_ok=True)
    for manifest in (folder / "exports").glob("*/_manifest.json"):
        if manifest.parent.name in LAYOUTS and manifest.parent.name not in params.scorecard.exports:
            remove_own(manifest.parent, OWN_EXPORT)


def _tables(found: ScorecardResult, catalogue: Mapping[str, Indicator]) -> dict[str, pd.DataFrame]:
    """All tables except the customer table, by file name."""
    tables = found.tables
    named = {
        "indicators": summarise_indicators(
            with_denominators(tables), _horizon_days(tables.predictions), catalogue
        ),
        "importance": found.relationship.importance,
        "redundant": found.relationship.redundant,
        "programme": found.programme,
        "targets": found.targets,
        "benchmarks": found.benchmarks,
        "elasticities": found.elasticities,
        "agreement": found.agreement,
        "actions": found.actions,
        "group_rules": found.group_rules,
        **found.voice.tables(),
        **found.movements.tables(),
        **{f"rejected_{name}": table for name, table in found.rejected.items()},
        **{f"segments_{name}": table for name, table in found.segments.items()},
        **{f"roll_up_{name}": each.means for name, each in found.roll_ups.items()},
        **{f"roll_up_{name}_tiers": each.tiers for name, each in found.roll_ups.items()},
        **{f"own_weights_{name}": table for name, table in found.own_weights.items()},
    }
    history, stability = found.history, found.relationship.stability
    if isinstance(found.relationship.weighting.data, FactorWeights):
        named["factor_loadings"] = found.relationship.weighting.data.loadings.reset_index(names="indicator")
    if stability is not None:
        named["stability"] = stability.summary()
    if history is not None:
        named["moves_by_chance"] = history.latest.against_chance()
        named |= {
            f"migration_{one}_{other}": moved.counts.reset_index(names="tier")
            for (one, other), moved in history.migrations.items()
        }
        if history.drift is not None and history.proposal is not None:
            moved = history.proposal.migration.counts.reset_index(names="tier")
            named |= {
                "weight_drift": history.drift,
                "weights_proposed": history.proposal.table,
                "migration_proposed": moved,
            }
    return {file_name(name): table for name, table in named.items() if len(table)}


def _horizon_days(predictions: pd.DataFrame) -> int | None:
    days = predictions["horizon_days"].iloc[0]
    return None if pd.isna(days) else int(days)


def documents(found: Relationship, params: Params) -> dict[str, dict[str, Any]]:
    """Weights, consistency, scale and cut points, for JSON."""
    weighing, card = found.weighting, found.card
    weights: dict[str, Any] = {
        "method": weighing_method(params),
        "weights": weighing.weights,
        "computed": weighing.computed,
        "nominal": weighing.nominal,
        "judged": weighing.judged,
        "data": weighing.data and weighing.data.weights,
    }
    if weighing.consistency is not None:
        weights["consistency"] = weighing.consistency.to_dict("records")
    scale = {"normalisation": card.normalisation.document(), "tiers": card.tiers.document()}
    return {"weights.json": weights, "scale.json": scale}
