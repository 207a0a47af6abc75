"""The chapter of the scorecard's page on who moved and why: findings first, method behind."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guanxi.periods import add_days
from guanxi.report.chapters import Chapter
from guanxi.scorecard.transitions._chain_states import has_memory
from guanxi.scorecard.transitions._tier_chain import TierChain
from guanxi.scorecard.watch._movements import Movements
from guanxi.scorecard.watch._watch_list import MOVEMENTS
from guanxi.scorecard.watch._watch_tables import chapter_words, in_words, shown_tables
from guanxi.served.ordering import first_highest, first_lowest
from guanxi.served.texts import Language, decimals_for, number, percent

_NAMED = 5


def watch_chapter(found: Movements, language: Language) -> Chapter:
    """Tell who moved, who will, and what is at stake."""
    t = chapter_words(language)
    paragraphs = [
        *_on_customers(found, language),
        *_on_chain(found.chain, language),
        *_on_risk(found, language),
    ]
    return Chapter(
        "watch", t["heading"], paragraphs, _notes(found, language), [], shown_tables(found, language)
    )


def _on_customers(found: Movements, language: Language) -> list[str]:
    t, watch, told = chapter_words(language), found.watch, []
    for movement in MOVEMENTS:
        rows = watch[watch["movement"] == movement]
        if rows.empty:
            continue
        kind = "clv" if movement in ("rose", "will_rise") else "value_at_risk"
        value = float(rows[kind].astype(float).sum(min_count=1))
        shown: dict[str, Any] = {"count": number(len(rows)), "value": number(value)}
        shown["clear"] = number(int(rows["clear"].sum()))
        shown["names"] = t["names_between"].join(str(each) for each in rows["customer_id"].head(_NAMED))
        if found.days:
            before, now = found.days[-2:]
            step = (now - before).days
            shown["day"] = (before if movement in ("fell", "rose") else add_days(now, step)).isoformat()
        told.append(t[f"found_{movement}"].format(**shown))
    return told or [t["found_nobody"]]


def _on_chain(chain: TierChain | None, language: Language) -> list[str]:
    if chain is None:
        return []
    t = chapter_words(language)
    ahead = chain.forecast[chain.forecast["period"] == chain.forecast["period"].max()]
    year = _values(chain.equity, "year", ("year_lower", "year_upper"), language)
    later = _values(ahead, "customers", ("lower", "upper"), language)
    day = ahead["day"].iloc[0]
    return [t["found_year"].format(values=year), t["found_forecast"].format(day=day, values=later)]


def _values(table: pd.DataFrame, column: str, ends: tuple[str, str], language: Language) -> str:
    """Name each tier with its value and limits."""
    text, shown = chapter_words(language)["tier_value"], []
    counted = column == "customers"
    decimals = 0 if counted else min(1, decimals_for(float(table[column].abs().max())))
    for row in table.to_dict("records"):
        lower, upper = (number(row[end], decimals) for end in ends)
        shown.append(
            text.format(
                tier=in_words(row["tier"], language),
                value=number(row[column], decimals),
                lower=lower,
                upper=upper,
            )
        )
    return str(chapter_words(language)["between"]).join(shown)


def _on_risk(found: Movements, language: Language) -> list[str]:
    t, told = chapter_words(language), []
    tiers = found.segments[found.segments["segmentation"] == "tier"].dropna(subset=["return_per_risk"])
    if len(tiers) > 1:
        best, worst = (
            in_words(tiers["segment"].iloc[pick(tiers["return_per_risk"])], language)
            for pick in (first_highest, first_lowest)
        )
        told.append(t["found_risk"].format(best=best, worst=worst))
    shares = found.shares.get("tier")
    if shares is not None:
        mix = str(t["between"]).join(
            t["tier_share"].format(
                tier=in_words(row["segment"], language),
                share=percent(row["efficient_share"]),
                now=percent(row["share"]),
            )
            for row in shares.segments.to_dict("records")
        )
        now, efficient = (
            number(each, 2) for each in (shares.semi_deviation, shares.efficient_semi_deviation)
        )
        told.append(t["found_shares"].format(values=mix, efficient=efficient, now=now))
    return told


def _notes(found: Movements, language: Language) -> list[str]:
    t, chain = chapter_words(language), found.chain
    if chain is None:
        return [t["note_no_history" if found.dated else "note_undated"]]
    notes = [t["note_endless"]]
    if chain.states.memory:
        notes.append(t["note_memory"])
    if has_memory(chain.changing):
        notes.append(t["note_changing"])
    if len(chain.check):
        outside = ~chain.check["customers"].between(chain.check["lower"], chain.check["upper"])
        if outside.any():
            tiers = str(t["names_between"]).join(
                in_words(tier, language) for tier in chain.check.loc[outside, "tier"]
            )
            notes.append(t["note_missed"].format(tiers=tiers))
    if found.risk["default_probability"].isna().all():
        notes.append(t["note_few_defaults"])
    return notes
