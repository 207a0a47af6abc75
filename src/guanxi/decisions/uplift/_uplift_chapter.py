"""The chapter of a campaign's page on who responds."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guanxi.decisions.uplift._policies import Interval
from guanxi.decisions.uplift._uplift_pictures import deciles_picture, figure_words, qini_picture
from guanxi.decisions.uplift._uplift_result import UpliftResult
from guanxi.report.chapters import Chapter, ShownTable
from guanxi.report.pictures import Picture, picture
from guanxi.served.texts import Language, number, percent, texts

_LEAST_P = 0.001
_SHARE = 0.3  # named in the sentences; the table has others


def uplift_chapter(result: UpliftResult, language: Language) -> Chapter:
    """Tell whether there is anything to target, what targeting earns, and who responds.

    Parameters
    ----------
    result : UpliftResult
    language : {"en", "zh"}
    """
    say = texts("guanxi.decisions.uplift", language)
    t = say["chapter"]
    return Chapter(
        "uplift",
        t["heading"],
        [
            _verdict(result, t),
            _against_response(result, t),
            *_against_everybody(result, t),
            _learner(result, t),
        ],
        _notices(result, t),
        _pictures(result, t, language),
        [
            _policies(result, say),
            *_segments(result, say),
            _deciles(result, say),
            *_drivers(result, say),
            _learners(result, say),
        ],
    )


def _verdict(result: UpliftResult, t: dict[str, str]) -> str:
    test = result.test
    reach = 1.96 * test.average_error
    return t["found" if test.found else "not_found"].format(
        arm=result.arm,
        outcome=result.outcome,
        p=f"= {test.p_value:.2g}" if test.p_value >= _LEAST_P else f"< {_LEAST_P}",
        average=percent(test.average, 1),
        lower=percent(test.average - reach, 1),
        upper=percent(test.average + reach, 1),
        spread=percent(test.spread, 1),
        customers=number(result.customers),
    )


def _against_response(result: UpliftResult, t: dict[str, str]) -> str:
    found = result.comparison
    worse = found.qini_difference.upper < 0
    return t["beats" if found.beats_response else "loses" if worse else "ties"].format(
        qini=number(found.qini.value, 3),
        response=number(found.qini_response.value, 3),
        difference=number(found.qini_difference.value, 3),
        difference_lower=number(found.qini_difference.lower, 3),
        difference_upper=number(found.qini_difference.upper, 3),
        **_ends(found.qini, 3),
    )


def _against_everybody(result: UpliftResult, t: dict[str, str]) -> list[str]:
    found = result.comparison
    gains = found.policies.set_index(["policy", "share"])["gain"] * 1000.0
    told = [
        t["best_share"].format(
            share=percent(_SHARE),
            gain=number(gains["uplift", _SHARE], 1),
            buyers=number(gains["response", _SHARE], 1),
            everybody=number(gains["everybody", 1.0], 1),
        )
    ]
    if not result.worth_targeting:
        return told
    if found.treated_share == 1.0:
        return [*told, t["spares_none"]]
    spared = Interval(*(1000.0 * end for end in (found.spared.value, found.spared.lower, found.spared.upper)))
    left = percent(1.0 - found.treated_share)
    return [*told, t["spares"].format(left=left, spared=number(spared.value, 1), **_ends(spared, 1))]


def _learner(result: UpliftResult, t: dict[str, str]) -> str:
    return t["learner"].format(learner=result.model.learner)


def _notices(result: UpliftResult, t: dict[str, str]) -> list[str]:
    notices = [] if result.randomised else [t["not_randomised"]]
    segments = result.comparison.segments
    if segments is not None:
        row = segments[segments["segment"] == "do_not_disturb"].to_dict("records")[0]
        if row["customers"] and not row["uplift_upper"] < 0:
            ends = {name: percent(row[f"uplift_{name}"], 1) for name in ("lower", "upper")}
            notices.append(t["no_harm"].format(uplift=percent(row["uplift"], 1), **ends))
    return notices


def _pictures(result: UpliftResult, t: dict[str, str], language: Language) -> list[Picture]:
    curve, deciles = result.comparison.curve, result.comparison.deciles
    at = curve.iloc[round(_SHARE * (len(curve) - 1))]
    qini = t["qini_text"].format(
        share=percent(_SHARE), gain=number(1000 * at["gain"], 1), random=number(1000 * at["at_random"], 1)
    )
    first, last = (percent(deciles["uplift"].iloc[place], 1) for place in (0, -1))
    by_decile = t["deciles_text"].format(first=first, last=last)
    drawn = figure_words(language)
    return [
        picture(lambda: qini_picture(curve, language), "qini", qini, drawn),
        picture(lambda: deciles_picture(deciles, language), "deciles", by_decile, drawn),
    ]


def _policies(result: UpliftResult, say: dict[str, Any]) -> ShownTable:
    table = result.comparison.policies
    per_thousand = table.assign(policy=table["policy"].map(say["names"]))
    measured = [f"{name}{end}" for name in ("gain", "difference") for end in ("", "_lower", "_upper")]
    per_thousand[measured] *= 1000.0
    same = table["policy"] == "uplift"
    if result.comparison.treated_share == 1.0:
        same |= table["policy"] == "everybody"
    per_thousand.loc[same, ["difference", "difference_lower", "difference_upper"]] = float("nan")
    headings = {"policy": "policy", "share": "treated_share", "gain": "gain", "difference": "advantage"}
    return _shown(say, "policies", per_thousand, headings, ["share"], say["chapter"]["policies_note"])


def _segments(result: UpliftResult, say: dict[str, Any]) -> list[ShownTable]:
    table, at = result.comparison.segments, result.model.thresholds
    if table is None:
        return []
    note = say["chapter"]["segments_note"].format(
        uplift=percent(at.uplift, 1), response=percent(at.response, 1)
    )
    table = table.assign(segment=table["segment"].map(say["names"]))
    headings = {"segment": "segment", "customers": "customers", "share": "share", **_UPLIFTS}
    return [_shown(say, "segments", table, headings, ["share", *_UPLIFTS], note)]


_UPLIFTS = {"predicted": "predicted_uplift", "control_rate": "control_rate", "uplift": "observed_uplift"}


def _deciles(result: UpliftResult, say: dict[str, Any]) -> ShownTable:
    headings = {"decile": "decile", "customers": "customers", **_UPLIFTS}
    return _shown(say, "deciles", result.comparison.deciles, headings, list(_UPLIFTS))


def _drivers(result: UpliftResult, say: dict[str, Any]) -> list[ShownTable]:
    if result.drivers is None:
        return []
    points = result.drivers.assign(
        **{name: 100.0 * result.drivers[name] for name in ("importance", "contribution")}
    )
    headings = {name: name for name in ("feature", "importance", "most_at", "contribution")}
    return [_shown(say, "drivers", points, headings, note=say["chapter"]["drivers_note"])]


def _learners(result: UpliftResult, say: dict[str, Any]) -> ShownTable:
    table = result.learners.assign(
        excess=result.learners["excess"].map("{:.6f}".format),
        standard_error=result.learners["standard_error"].map("{:.6f}".format),
        loss=result.learners["loss"].map("{:.6f}".format),
    )
    headings = {
        "learner": "learner_name",
        "loss": "loss",
        "excess": "excess",
        "standard_error": "standard_error",
    }
    return _shown(say, "learners", table, headings, note=say["chapter"]["learners_note"])


def _shown(
    say: dict[str, Any],
    name: str,
    table: pd.DataFrame,
    headings: dict[str, str],
    shares: list[str] | None = None,
    note: str = "",
) -> ShownTable:
    named = {column: say["headings"][key] for column, key in headings.items()}
    return ShownTable(say["chapter"][f"{name}_title"], table, named, shares or (), note=note)


def _ends(interval: Interval, decimals: int) -> dict[str, str]:
    return {"lower": number(interval.lower, decimals), "upper": number(interval.upper, decimals)}
