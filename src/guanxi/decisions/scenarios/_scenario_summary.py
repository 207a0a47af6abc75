"""Scenarios in lines for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guanxi.decisions.scenarios._analysis import Analysis


def summary_text(found: Analysis) -> str:
    """Report customer equity today, the levers, and each scenario."""
    now, years = found.scenarios.iloc[0], found.params.years
    lines = [
        f"{found.customers:,} customers as of {found.as_of}: customer equity {now['equity']:,.0f} "
        f"until the end of {years:g} years",
        f"  present customers: {now['within_horizon']:,.0f} within {found.horizon_days} days, "
        f"{now['beyond']:,.0f} after that; new customers: {now['new_customers']:,.0f}",
        "",
        f"  {'lever':<18} {'today':>10} {'lower':>12} {'higher':>12} {'elasticity':>11}",
    ]
    by_lever = found.elasticities.set_index("lever")["elasticity"]
    lines += [
        f"  {row['lever']:<18} {row['level']:>10.4g} {row['change_low']:>+12,.0f} "
        f"{row['change_high']:>+12,.0f} {by_lever[row['lever']]:>11.2f}"
        for row in found.tornado.to_dict("records")
    ]
    lines += ["", f"  lower, higher: change of equity if the lever moves by {found.params.swing:.0%}"]
    cases = found.scenarios.iloc[1:]
    said = map(_case_line, cases.to_dict("records"))
    return "\n".join([*lines, "", *said]) if len(cases) else "\n".join(lines)


def _case_line(row: dict[Any, Any]) -> str:
    point = f" ({row['by']})" if row["by"] else ""
    text = f"Scenario {row['scenario']}{point}: {row['change']:+,.0f} ({row['change_share']:+.1%})"
    if row["draws"]:
        text += f", {row['change_lower']:+,.0f} to {row['change_upper']:+,.0f}"
    return text
