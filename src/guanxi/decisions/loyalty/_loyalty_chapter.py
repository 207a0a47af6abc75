"""The chapter of a page about a loyalty programme, and its tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.decisions.loyalty._loyalty_pictures import draw_fates, picture_words
from guanxi.decisions.loyalty._programme_economics import LoyaltyResult
from guanxi.params import LoyaltyParams
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import picture
from guanxi.served.texts import Language, number, percent, texts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BALANCED = 0.1
_LITTLE_OPEN = 0.01
_AMOUNTS = ("sales", "allocated", "recognised", "deferred")
_POINTS = ("earned", "redeemed", "expired", "open", "expected")


def loyalty_tables(found: LoyaltyResult) -> dict[str, pd.DataFrame]:
    """Complete tables by file name: years, fates by age, and the comparison of members, where known."""
    tables = {"loyalty_years": found.years}
    if found.breakage:
        tables["loyalty_breakage"] = found.breakage.by_age
    if found.members:
        tables["loyalty_members"] = pd.DataFrame([vars(each) for each in found.members.differences])
        tables["loyalty_balance"] = found.members.balance
    return tables


def loyalty_figures(found: LoyaltyResult, language: Language) -> dict[str, Callable[[], Figure]]:
    """Figures by file name."""
    breakage = found.breakage
    return {"loyalty_fates": lambda: draw_fates(breakage.by_age, language)} if breakage else {}


def loyalty_chapter(
    found: LoyaltyResult, params: LoyaltyParams, *, as_of: date, margin: float, language: Language
) -> Chapter:
    """Tell what a loyalty programme costs, owes and is followed by.

    Parameters
    ----------
    found : LoyaltyResult
        From :func:`loyalty_economics`.
    params : LoyaltyParams
        With which it was computed.
    as_of : datetime.date
    margin : float
        Share of the price that is margin.
    language : {"en", "zh"}
    """
    t = texts("guanxi.decisions.loyalty", language)
    told = [_points(found, as_of, t), _expected(found, t), _money(found, params, t), _even(found, margin, t)]
    fates = [
        picture(draw, "fates", t["picture"]["fates_text"], picture_words(language))
        for draw in loyalty_figures(found, language).values()
    ]
    return Chapter(
        "loyalty",
        t["loyalty"],
        [text for text in (*told, _members(found, t)) if text],
        _notices(found, t),
        fates,
        _tables(found, t),
    )


def _say(text: str, **given: object) -> str:
    return text.format(**given)


def _points(found: LoyaltyResult, as_of: date, t: dict[str, Any]) -> str:
    totals = found.years[["earned", "redeemed", "expired", "open"]].sum()
    shares = {name: percent(totals[name] / totals["earned"], 1) for name in ("redeemed", "expired", "open")}
    return _say(t["points_text"], as_of=as_of, earned=number(totals["earned"]), **shares)


def _expected(found: LoyaltyResult, t: dict[str, Any]) -> str:
    breakage = found.breakage
    if breakage is None or breakage.redeemed != found.redeemed_share:
        return _say(t["given_text"], share=percent(found.redeemed_share, 1))
    return _say(
        t["estimated_text"],
        share=percent(breakage.redeemed, 1),
        lower=percent(breakage.lower, 1),
        upper=percent(breakage.upper, 1),
        broken=percent(breakage.share, 1),
    )


def _money(found: LoyaltyResult, params: LoyaltyParams, t: dict[str, Any]) -> str:
    if found.deferred is None:
        return ""
    totals = found.years[list(_AMOUNTS)].sum()
    exact = params.decimals is None
    rounding = t["exact_text"] if exact else _say(t["rounded_text"], decimals=params.decimals)
    return _say(t["deferred_text"], rounding=rounding, **{name: number(totals[name]) for name in _AMOUNTS})


def _even(found: LoyaltyResult, margin: float, t: dict[str, Any]) -> str:
    if found.reward is None or found.break_even is None:
        return ""
    shares = {"reward": percent(found.reward, 1), "margin": percent(margin, 1)}
    if not np.isfinite(found.break_even):
        return _say(t["never_text"], **shares)
    return _say(t["even_text"], uplift=percent(found.break_even, 1), **shares)


def _members(found: LoyaltyResult, t: dict[str, Any]) -> str:
    if found.members is None:
        return ""
    main = found.members.differences[-1]
    verb = "spent" if main.outcome == "spend" else "bought"
    more = t[f"{verb}_more" if main.difference >= 0 else f"{verb}_less"]
    return _say(
        t["members_text"],
        members=number(main.members),
        others=number(main.others),
        days=found.days,
        what=more.format(difference=number(abs(main.difference), 2)),
        lower=number(main.lower, 2),
        upper=number(main.upper, 2),
    )


def _notices(found: LoyaltyResult, t: dict[str, Any]) -> list[str]:
    notices = [t[note] for note in found.notes]
    breakage = found.breakage
    if breakage and breakage.undecided > _LITTLE_OPEN:
        broken = percent(breakage.share + breakage.undecided, 1)
        notices.insert(0, _say(t["undecided"], share=percent(breakage.undecided, 1), broken=broken))
    if found.members:
        notices.insert(0, t["no_effect"])
        balance = found.members.balance
        unlike = balance.loc[balance["smd_after"].abs() > _BALANCED, "covariate"]
        if len(unlike):
            names = ", ".join(t["covariates"][name] for name in unlike)
            notices.append(_say(t["unbalanced"], names=names))
    return notices


def _tables(found: LoyaltyResult, t: dict[str, Any]) -> list[ShownTable]:
    shown = [name for name in (*_POINTS, *_AMOUNTS) if name in found.years]
    years = found.years.assign(year=found.years["year"].astype(str))
    tables = [ShownTable(t["years_table"], years, {"year": t["year"]} | {name: t[name] for name in shown})]
    if found.members:
        rows = pd.DataFrame([vars(each) for each in found.members.differences])
        rows = rows.assign(outcome=[t[name] for name in rows["outcome"]])
        headings = {
            "outcome": t["outcome"],
            "members_mean": t["members"],
            "others_mean": t["matched"],
            "difference": t["difference"],
            "unmatched": t["unmatched"],
        }
        tables.append(
            ShownTable(t["members_table"], rows, headings, interval="difference", note=t["members_note"])
        )
        balance = found.members.balance
        balance = balance.assign(covariate=[t["covariates"][name] for name in balance["covariate"]])
        names = ("covariate", "members", "others", "matched", "smd_before", "smd_after")
        tables.append(
            ShownTable(t["balance_table"], balance, {name: t[name] for name in names}, note=t["balance_note"])
        )
    return tables
