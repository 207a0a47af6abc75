"""The page of a campaign, in chapters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi.decisions.answer import Answer
from guanxi.decisions.campaign._campaign_answer import answer_sentences
from guanxi.decisions.campaign._campaign_pictures import effects_picture, figure_words
from guanxi.decisions.campaign._campaign_result import CampaignResult
from guanxi.decisions.campaign._campaign_wording import Wording, probability, records
from guanxi.decisions.campaign._effects import ADJUSTED, leading
from guanxi.decisions.campaign._observational_result import EFFECT
from guanxi.decisions.campaign._remarks import column_in_words, columns_in_words
from guanxi.decisions.campaign._who_responds import uplift_chapters, uplift_table
from guanxi.decisions.uplift import UpliftResult
from guanxi.params import Params
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import picture
from guanxi.served.texts import MISSING, Language, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = (
    "effects",
    "power",
    "sample_ratio",
    "indicators",
    "funnel",
    "balance",
    "overlap",
    "sensitivity",
    "uplift",
)


def campaign_answer(
    result: CampaignResult, params: Params, learned: Mapping[str, UpliftResult] | None = None
) -> Answer:
    """Write the page, the tables and the key figures of a campaign.

    Parameters
    ----------
    result : CampaignResult
    params : Params
    learned : mapping of str to UpliftResult, optional
        Who responds, by arm.
    """
    wording = Wording.of(result, params.language)
    told = leading(result.effects.table)
    names = [str(name) for name in dict.fromkeys(told["outcome"])]
    labels: dict[Language, list[str]] = {
        language: [Wording.of(result, language).outcome(name) for name in names]
        for language in (params.language, "en")
    }

    def draw() -> Figure:
        return effects_picture(told, labels, params.language)

    return Answer(
        title=wording.say("title"),
        chapters=[
            _answer(result, wording, params, draw),
            *_observational(result, wording, params),
            _quality(result, wording, params),
            *_response(result, wording),
            *uplift_chapters(learned or {}, params.language),
            _method(result, wording, params),
        ],
        tables=_tables(result) | ({"uplift": uplift_table(result, learned)} if learned else {}),
        metrics=_metrics(told),
        settings=_settings(result, params),
        figures={"effects": draw},
        summary=campaign_summary(result, params),
    )


def campaign_summary(result: CampaignResult, params: Params) -> str:
    """Write the answer for the terminal, in English."""
    sentences = answer_sentences(result, Wording.of(result, "en"), params.campaign.confidence)
    notes = _notes(result, "en")
    return "\n".join([*sentences, *(["", "Notes:", *(f"  - {note}" for note in notes)] if notes else [])])


def _answer(result: CampaignResult, wording: Wording, params: Params, draw: Callable[[], Figure]) -> Chapter:
    confidence = params.campaign.confidence
    caption = wording.say("caption", confidence=percent(confidence))
    return Chapter(
        "answer",
        wording.say("answer"),
        answer_sentences(result, wording, confidence),
        _notes(result, wording.language),
        [picture(draw, "effects", caption, figure_words(wording.language))],
        [_effects(result, wording, params)],
    )


def _notes(result: CampaignResult, language: Language) -> list[str]:
    notes = [each.text(language) for each in result.remarks]
    if result.observational is not None:
        notes += [each.told(language) for each in result.observational.warnings]
    return notes


def _effects(result: CampaignResult, wording: Wording, params: Params) -> ShownTable:
    """All outcomes, arms and methods; each cell is written in the unit of its outcome."""
    rows = []
    for row in records(result.effects.table):
        name = str(row["outcome"])
        rows.append(
            {
                "outcome": wording.outcome(name),
                "arm": row["arm"],
                "treated": wording.level(name, row["baseline"] + row["estimate"]),
                "baseline": wording.level(name, row["baseline"]),
                "estimate": wording.change(name, row["estimate"], row),
                "interval": wording.interval(name, row),
                "relative": percent(row["relative"], 1),
                "p": probability(row["p_adjusted"]).removeprefix("=\xa0"),
                "method": wording.texts["methods"][row["method"]],
                "kind": wording.texts["kinds"][row["kind"]],
                "n": f"{row['n']:,}",
            }
        )
    table = pd.DataFrame(rows)
    headings = _headings(wording, table)
    facts = {"confidence": percent(params.campaign.confidence)}
    note = wording.say(
        "effects_note", correction=wording.texts["corrections"][params.campaign.correction], **facts
    )
    return ShownTable(wording.say("effects_title"), table, headings, note=note)


def _quality(result: CampaignResult, wording: Wording, params: Params) -> Chapter:
    """Sizes of the arms, variance saved, and the effects that could be found."""
    sizes = pd.DataFrame(
        {
            "arm": list(result.ratio.observed),
            "customers": list(result.ratio.observed.values()),
            "expected": list(result.ratio.expected.values()),
        }
    )
    paragraphs = [wording.say("ratio", p=probability(result.ratio.p_value))]
    adjusted = result.effects.table[result.effects.table["method"] == ADJUSTED]
    if len(adjusted):
        best = max(records(adjusted), key=lambda row: float(row["variance_saved"]))
        paragraphs.append(
            wording.say(
                "saved",
                columns=columns_in_words(result.effects.columns, wording.language),
                lowest=percent(adjusted["variance_saved"].min(), 1),
                highest=percent(best["variance_saved"], 1),
                more=percent(1.0 / (1.0 - best["variance_saved"]) - 1.0, 1),
                outcome=wording.outcome(str(best["outcome"])),
            )
        )
    found = result.effects.power
    power = pd.DataFrame(
        {
            "outcome": [wording.outcome(str(name)) for name in found["outcome"]],
            **found[["arm", "n_treated", "n_control"]],
            "planned": _changes(wording, found, "planned"),
            "found": _changes(wording, found, "found"),
        }
    ).pipe(_without_empty)
    note = wording.say("power_note", power=percent(params.campaign.power))
    return Chapter(
        "quality",
        wording.say("quality"),
        paragraphs,
        tables=[
            ShownTable(wording.say("sizes"), sizes, _headings(wording, sizes)),
            ShownTable(wording.say("power_title"), power, _headings(wording, power), note=note),
        ],
    )


def _changes(wording: Wording, table: pd.DataFrame, column: str) -> list[str]:
    pairs = zip(table["outcome"], table[column], strict=True)
    return [wording.change(str(name), value).removeprefix("+") for name, value in pairs]


def _observational(result: CampaignResult, wording: Wording, params: Params) -> Iterator[Chapter]:
    """Say what must be assumed, and show whether the arms could be made comparable."""
    found = result.observational
    if found is None:
        return
    tables = []
    if len(found.overlap):
        names = ["arm", "group", "n", "outside_support"]
        tables.append(_plain(wording, "overlap", found.overlap, names, shares=("outside_support",)))
    if len(found.balance):
        names = ["arm", "column", "difference_before", "difference_ate", "difference_att"]
        words = [column_in_words(str(name), wording.language) for name in found.balance["column"]]
        tables.append(_plain(wording, "balance", found.balance.assign(column=words), names))
    if len(found.sensitivity):
        named = found.sensitivity.assign(
            outcome=[wording.outcome(str(name)) for name in found.sensitivity["outcome"]],
            method=[wording.texts["methods"][name] for name in found.sensitivity["method"]],
        )
        names = [
            "outcome",
            "arm",
            "method",
            "e_value",
            "e_value_limit",
            "robustness_value",
            "robustness_limit",
        ]
        tables.append(_plain(wording, "sensitivity", named, names, ("robustness_value", "robustness_limit")))
    yield Chapter(
        "assumptions",
        wording.say("assumptions"),
        [each.told(wording.language) for each in found.assumptions],
        tables=tables,
    )


def _plain(
    wording: Wording, name: str, table: pd.DataFrame, columns: Sequence[str], shares: Sequence[str] = ()
) -> ShownTable:
    headings = _headings(wording, columns)
    return ShownTable(wording.say(f"{name}_title"), table, headings, shares, note=wording.say(f"{name}_note"))


def _response(result: CampaignResult, wording: Wording) -> Iterator[Chapter]:
    """Show the funnel, and the indicators before, after and against their benchmarks."""
    tables = []
    if result.funnel is not None:
        rates = result.funnel.rates
        groups = rates["group"].mask(rates["by"] == "all", wording.say("everyone"))
        steps = [wording.texts["steps"][step] for step in rates["step"]]
        rates = rates.assign(step=steps, group=groups)
        names = ("group", "step", "customers", "reached", "rate", "rate_of_first")
        headings = _headings(wording, names)
        tables.append(ShownTable(wording.say("funnel_title"), rates, headings, ("rate", "rate_of_first")))
    tables.append(_indicators(result, wording))
    yield Chapter("response", wording.say("response"), tables=tables)


def _indicators(result: CampaignResult, wording: Wording) -> ShownTable:
    rows = []
    for row in records(result.indicators):
        name = str(row["indicator"])
        known = pd.notna(row["before"])
        rows.append(
            {
                "indicator": wording.texts["steps"].get(name) or wording.outcome(name),
                "arm": row["arm"],
                "value": wording.level(name, row["value"]),
                "before": wording.level(name, row["before"]),
                "change": wording.change(name, row["change"]),
                "change_interval": wording.interval(name, row, "change_lower", "change_upper")
                if known
                else MISSING,
                "benchmark": wording.level(name, row["benchmark"]),
                "verdict": wording.texts["verdicts"].get(row["verdict"], MISSING),
            }
        )
    table = _without_empty(pd.DataFrame(rows))
    headings = _headings(wording, table)
    note = wording.say("indicators_note") if "before" in table else ""
    return ShownTable(wording.say("indicators_title"), table, headings, note=note)


def _headings(wording: Wording, columns: Iterable[Any]) -> dict[str, str]:
    return {str(column): wording.texts["columns"][str(column)] for column in columns}


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns in which nothing is known."""
    return table.loc[:, ~(table == MISSING).all()]


def _method(result: CampaignResult, wording: Wording, params: Params) -> Chapter:
    paragraphs = [wording.say("method_plain")]
    if result.observed.days is not None:
        paragraphs.insert(0, wording.say("method_days", days=f"{result.observed.days:,}"))
    if "clv_change" in result.observed.outcomes:
        paragraphs.append(wording.say("method_clv", days=f"{result.value_days:,}"))
    if result.kind == EFFECT:
        paragraphs.append(wording.say("method_adjusted"))
    if result.observed.information is not None:
        paragraphs.append(wording.say("method_looks"))
    return Chapter("method", wording.say("method"), paragraphs)


def _tables(result: CampaignResult) -> dict[str, pd.DataFrame]:
    ratio = result.ratio
    sizes = {"arm": list(ratio.observed), "observed": list(ratio.observed.values()),
             "expected": list(ratio.expected.values()), "p_value": ratio.p_value}  # fmt: skip
    tables = {
        "effects": result.effects.table,
        "power": result.effects.power,
        "sample_ratio": pd.DataFrame(sizes),
        "indicators": result.indicators,
    }
    if result.funnel is not None:
        tables["funnel"] = result.funnel.rates
    if result.observational is not None:
        found = {name: getattr(result.observational, name) for name in ("balance", "overlap", "sensitivity")}
        tables |= {name: table for name, table in found.items() if len(table)}
    return tables


def _metrics(told: pd.DataFrame) -> dict[str, float | None]:
    """Estimate and limits by outcome and arm, in names that MLflow takes."""
    return {
        _metric_name(f"{row['outcome']} {row['arm']} {each}"): row[each]
        for row in records(told)
        for each in ("estimate", "lower", "upper")
    }


def _metric_name(text: str) -> str:
    return re.sub(r"\W", "_", text)


def _settings(result: CampaignResult, params: Params) -> dict[str, object]:
    given = params.campaign
    return {
        "control": result.observed.experiment.control,
        "randomised": given.randomised,
        "confidence": given.confidence,
        "correction": given.correction,
        "looks": given.looks,
        "days": result.observed.days,
        "adjusted_by": ", ".join(result.effects.columns),
    }
