"""A scorecard as page, workbook, pictures and documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi import __version__
from guanxi.params import Params
from guanxi.scorecard.history import History
from guanxi.scorecard.indicators import CATALOGUE, DIMENSIONS
from guanxi.scorecard.report.page_words import page_words
from guanxi.scorecard.scoring.relationship import Relationship
from guanxi.scorecard.scoring.weighing import scorecard_tree
from guanxi.segments import matrix, rfm_cells
from guanxi.segments.lifecycle import STAGES

if TYPE_CHECKING:
    from guanxi.scorecard.findings import ScorecardResult
    from guanxi.scorecard.report.content import ScorecardReport
    from guanxi.scorecard.report.page import Listing
    from guanxi.served.texts import Language

# Names of the files of :func:`tables`.
OWN_TABLE = re.compile(
    r"(segments|roll_up|own_weights|migration|rejected)_.+|programme|targets|benchmarks|elasticities|agreement|actions"
    r"|group_rules|weight_drift|weights_proposed|stability"
)


def report_content(
    customers: pd.DataFrame,
    found: Relationship,
    history: History | None,
    notes: list[str],
    params: Params,
) -> ScorecardReport:
    """Gather what page and workbook show."""
    from guanxi.scorecard.report.content import ScorecardReport

    consistency: Mapping[str, float] = {}
    table = found.weighing.consistency
    if table is not None:
        largest = table.groupby("node", sort=False)["consistency_ratio"].max()
        consistency = {str(node): float(ratio) for node, ratio in largest.items()}
    return ScorecardReport(
        table=customers,
        weights=weights_table(found, params),
        method=method_text(params),
        consistency=consistency,
        notes=notes,
        labels=labels(params.language),
        migration=history.latest.counts if history else None,
        kept=found.stability.kept if found.stability else None,
        draws=found.stability.draws if found.stability else 0,
    )


def labels(language: str) -> dict[str, str]:
    """Names of indicators, dimensions and segments in a language."""
    key: Any = "zh" if language == "zh" else "en"
    tables = (rfm_cells.NAMES, matrix.NAMES, {each.name: each.label for each in STAGES}, DIMENSIONS)
    named = {name: each.label[key] for name, each in CATALOGUE.items()}
    return named | {name: label[key] for table in tables for name, label in table.items()}


def method_text(params: Params) -> str:
    """Say how the weights were found."""
    weights, words = params.scorecard.weights, page_words(params.language)
    if weights.accepted:
        return words["method_accepted"]
    nobody = weights.method not in ("direct", "delphi") and not weights.judgements
    unjudged = "usual" if scorecard_tree(params.scorecard.tree) == scorecard_tree(None) else "alike"
    said = words[f"method_{unjudged if nobody else weights.method}"]
    if weights.data is None:
        return said
    if weights.share == 0.0 and weights.combine != "least_squares":
        return words[f"method_{weights.data}"]
    return f"{said} + {words[f'method_{weights.data}']} ({words[f'method_{weights.combine}']})"


def weights_table(found: Relationship, params: Params) -> pd.DataFrame:
    """Weight of each indicator, and of each side where two were combined."""
    weighing = found.weighing
    table = pd.DataFrame(
        {
            "indicator": list(weighing.weights),
            "dimension": [weighing.dimensions[name] for name in weighing.weights],
            "weight": list(weighing.weights.values()),
        }
    )
    if weighing.data is not None:
        words = page_words(params.language)
        own = {params.scorecard.weights.method: weighing.judged, weighing.data.method: weighing.data.weights}
        for method, weights in own.items():
            heading = words.get(f"method_{method}", method)
            table[heading] = [weights.get(name, 0.0) for name in weighing.weights]
    return table


def listings(found: ScorecardResult, language: Language) -> list[Listing]:
    """Give the tables of the page, those that are there; what it leaves out stands in the files."""
    from guanxi.scorecard.report.page import Listing

    indicator = ("indicator",)
    targets = _without(found.targets, "known", "gap")
    benchmarks = _without(found.benchmarks, "known", "lower", "upper")
    moves = _without(found.elasticities, "unit", "reliability", "note")
    shown = [
        Listing("targets", targets, "targets_note", named=indicator, interval="value"),
        Listing("benchmarks", benchmarks, "benchmarks_note", named=indicator),
        *(
            Listing(f"by_{name}", _without(table, "tier_low"), named=(name,))
            for name, table in found.segments.items()
        ),
        Listing("group_rules", found.groups, found.groups_reason),
        Listing("actions", found.actions),
        *(
            Listing("roll_up", _scores(each.means), "roll_up_note", name, _named(name, found), "mean")
            for name, each in found.roll_ups.items()
        ),
        *(
            Listing("own_weights", table, "own_weights_note", name, _named(name, found), "difference")
            for name, table in found.own_weights.items()
        ),
        Listing("elasticities", moves, "elasticities_note", "", ("driver",), "estimate", ("estimate",)),
        Listing("programme", _periods(found.programme), "programme_note"),
        Listing("agreement", found.agreement, "agreement_note"),
        *_of_drift(found.history, language),
    ]
    return [each for each in shown if len(each.table)]


def _of_drift(history: History | None, language: Language) -> list[Listing]:
    from guanxi.scorecard.report.page import Listing

    if history is None or history.drift is None or history.proposal is None:
        return []
    proposal, weights = history.proposal, ("before", "after", "current", "proposed", "change")
    effect = page_words(language)["proposal_note"].format(
        moved=f"{proposal.migration.moved:,}",
        customers=f"{proposal.customers:,}",
        spearman=f"{proposal.spearman:.3f}",
    )
    return [
        Listing("drift", history.drift, "drift_note", "", ("indicator",), "change", weights),
        Listing("proposal", proposal.table, effect, named=("indicator",), shares=weights),
    ]


def _without(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Leave out columns, and those that nothing stands in."""
    return table.drop(columns=list(names), errors="ignore").dropna(axis="columns", how="all")


def _named(by: str, found: ScorecardResult) -> tuple[str, ...]:
    """Segments have names in both languages, the values of attributes have not."""
    return ("group",) if by in found.segments else ()


def _periods(programme: pd.DataFrame) -> pd.DataFrame:
    """Take what fits on the page, the newest period first; churn is the rest of retention."""
    counts = ("retained", "reactivated", "purchases", "acquired", "contacts", "observed", "nps_answers")
    return _without(programme, "end", "churn_rate", *counts).iloc[::-1]


def tables(found: ScorecardResult) -> dict[str, pd.DataFrame]:
    """File names and tables of all that is not a customer's."""
    named = {
        "programme": found.programme,
        "targets": found.targets,
        "benchmarks": found.benchmarks,
        "elasticities": found.elasticities,
        "agreement": found.agreement,
        "actions": found.actions,
        "group_rules": found.groups,
        **{f"rejected_{name}": table for name, table in found.rejected.items()},
        **{f"segments_{name}": table for name, table in found.segments.items()},
        **{f"roll_up_{name}": each.means for name, each in found.roll_ups.items()},
        **{f"roll_up_{name}_tiers": each.tiers for name, each in found.roll_ups.items()},
        **{f"own_weights_{name}": table for name, table in found.own_weights.items()},
    }
    history, stability = found.history, found.relationship.stability
    if stability is not None:
        named["stability"] = stability.summary()
    if history is not None:
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
    return {name: table for name, table in named.items() if len(table)}


def _scores(means: pd.DataFrame) -> pd.DataFrame:
    """Scores of a roll-up, a row per group."""
    scores = means[means["measure"] == "score"]
    return scores.drop(columns=["measure", "known"]).reset_index(drop=True)


def figures(content: ScorecardReport, language: str) -> dict[str, Callable[[], Any]]:
    """File names of the pictures, and what draws each."""
    from guanxi.scorecard.report import figures as draw
    from guanxi.scorecard.report import summaries as summaries

    words: Any = language
    table, named = content.table, dict(content.labels)
    dimensions = [str(name) for name in content.weights["dimension"].unique()]
    indicators = [str(name) for name in content.weights["indicator"]]
    drawn: dict[str, Callable[[], Any]] = {
        "radar.png": lambda: draw.radar(summaries.dimension_means(table, dimensions), named, words),
        "contributions.png": lambda: draw.contributions(
            summaries.mean_points(table, indicators), named, words
        ),
        "quadrant.png": lambda: draw.quadrant(summaries.quadrants(table), summaries.tiers_of(table), words),
    }
    moved = content.migration
    if moved is not None:
        drawn["migration.png"] = lambda: draw.migration(moved, words)
    return drawn


def documents(found: Relationship, params: Params) -> dict[str, dict[str, Any]]:
    """Weights, consistency, scale and cuts, as JSON."""
    weighing, card = found.weighing, found.card
    weights: dict[str, Any] = {
        "method": method_text(params),
        "weights": weighing.weights,
        "computed": weighing.computed,
        "judged": weighing.judged,
        "data": weighing.data and weighing.data.weights,
    }
    if weighing.consistency is not None:
        weights["consistency"] = weighing.consistency.to_dict("records")
    scale = {"normalisation": card.normalisation.document(), "tiers": card.tiers.document()}
    return {"weights.json": weights, "scale.json": scale}


def generated_by() -> str:
    """Name the software and its version."""
    return f"guanxi {__version__}"
