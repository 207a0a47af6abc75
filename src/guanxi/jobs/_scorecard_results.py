"""The results of a scorecard: its folder, and its record in MLflow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from guanxi.data.sinks import files
from guanxi.data.sinks.spreadsheet import write_spreadsheet
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params
from guanxi.registry.job_log import log_scorecard
from guanxi.registry.loaded_model import LoadedModel
from guanxi.registry.store import answering, open_store
from guanxi.scorecard.exports.customer_systems import check_export, export_customers
from guanxi.scorecard.exports.import_layouts import LAYOUTS
from guanxi.scorecard.findings import ScorecardResult
from guanxi.scorecard.report.content_of import OWN_TABLE, documents, figures, generated_by, listings, tables

if TYPE_CHECKING:
    from guanxi.scorecard.report.content import ScorecardReport

# A workbook of more takes minutes (96,000: four, and 100 MB), and nobody reads it row by row.
_MOST_IN_A_WORKBOOK = 25_000


def write_results(
    folder: Path,
    found: ScorecardResult,
    content: ScorecardReport,
    loaded: LoadedModel,
    source: str,
    params: Params,
    progress: Reporter,
) -> str:
    """Write all results, and return the page; nothing is written before all of them are known to be right."""
    from guanxi.scorecard.report.page import ScorecardPage, render_scorecard
    from guanxi.scorecard.report.workbook import scorecard_sheets

    customers = found.customers
    with progress.step(f"write {folder}"):
        html = render_scorecard(
            ScorecardPage(
                source,
                found.as_of,
                loaded.version,
                params.language,
                generated_by(),
                content,
                listings(found, params.language),
            )
        )
        sheets = scorecard_sheets(content, params.language)
        for system, export in params.scorecard.exports.items():
            check_export(customers, folder / "exports" / system, system, export.fields)
        _remove_earlier(folder, params)
        files.write_table(customers, folder / "scorecard.parquet")
        files.write_table(customers, folder / "scorecard.csv")
        if len(customers) <= _MOST_IN_A_WORKBOOK:
            write_spreadsheet(sheets, folder / "scorecard.xlsx")
        else:
            progress.say(f"   more than {_MOST_IN_A_WORKBOOK:,} customers: no scorecard.xlsx")
        for name, document in documents(found.relationship, params).items():
            files.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", folder / name)
        for name, table in tables(found).items():
            files.write_table(table, folder / "tables" / f"{name}.csv")
        files.write_text(html, folder / "scorecard.html")
        for system, export in params.scorecard.exports.items():
            done = export_customers(customers, folder / "exports" / system, system, export.fields)
            for warning in done.warnings:
                progress.warn(f"{system}: {warning}")
    return html


def _remove_earlier(folder: Path, params: Params) -> None:
    """Remove what an earlier scorecard wrote and this one may not: nobody could tell it from new results."""
    for path in (folder / "scorecard.xlsx", *(folder / "tables").glob("*.csv")):
        if path.name == "scorecard.xlsx" or OWN_TABLE.fullmatch(path.stem):
            path.unlink(missing_ok=True)
    for manifest in (folder / "exports").glob("*/_manifest.json"):
        if manifest.parent.name in LAYOUTS and manifest.parent.name not in params.scorecard.exports:
            shutil.rmtree(manifest.parent)


def log_results(
    found: ScorecardResult,
    content: ScorecardReport,
    loaded: LoadedModel,
    source: str,
    html: str,
    params: Params,
) -> None:
    """Log parameters, metrics, documents, page and figures as a run in MLflow."""
    scored, options = found.relationship, params.scorecard
    tags = {"model_version": loaded.version, "source": source, "as_of": found.as_of.isoformat()}
    settings = {
        "weights.method": options.weights.method,
        "weights.data": options.weights.data or "none",
        "normalisation": options.normalisation,
        "method": options.method,
        "tiers.method": options.tiers.method,
        "draws": options.draws,
    }
    card = scored.card.table
    metrics: dict[str, float | None] = {
        "customers": float(len(card)),
        "score_mean": float(card["score"].mean()),
        "known_weight_mean": float(card["known_weight"].mean()),
        **{f"tier_{name}": float(count) for name, count in card["tier"].value_counts().items()},
    }
    if scored.stability is not None:
        metrics["tier_kept_mean"] = float(pd.Series(scored.stability.kept).mean())
        metrics["tier_kept_sure"] = float((pd.Series(scored.stability.kept).dropna() >= 0.9).mean())
    if scored.weighing.consistency is not None and len(scored.weighing.consistency):
        metrics["consistency_ratio_largest"] = float(scored.weighing.consistency["consistency_ratio"].max())
    for row in found.agreement.dropna(subset="tau").to_dict("records"):
        metrics[f"tau.{row['first']}.{row['second']}".replace(" ", "_")] = float(row["tau"])
    store = open_store(params.mlflow)
    with answering(store):
        log_scorecard(
            store, tags, settings, metrics, documents(scored, params), html, figures(content, params.language)
        )
