"""False alarms of the associations with value and churn, in simulated companies where nothing moves either.

Usage: python benchmarks/elasticities.py [seeds] [customers]

Satisfaction, loyalty and service quality have no effect in these companies, so that an interval without 0 is
a false alarm: at 90 % one in ten is right. Each driver is estimated alone and together with the others. The
standard error is that of the mean over companies, whose estimates are not independent.
"""

from __future__ import annotations

import math
import sys
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.scorecard.elasticities._elasticities import elasticities
from guanxi.scorecard.elasticities._own_data import survey_answers
from guanxi.simulation import Effects, simulate_company

RESULTS = Path(__file__).parent / "results" / "elasticities.json"
CUTOFF, HORIZON = date(2023, 12, 31), 365
DRIVERS = ("csat", "nps_score", "servqual_gap")
CONTROLS = ("acquired_days", "segment", "country", "contract")
LEVEL, MOST = 0.9, 0.1
NOTHING = Effects(
    dropout_satisfaction=0.0,
    dropout_loyalty=0.0,
    dropout_risk=0.0,
    purchases_engagement=0.0,
    purchases_satisfaction=0.0,
    spend_loyalty=0.0,
)


def alarms(seed: int, customers: int) -> pd.DataFrame:
    """Estimate one company; ``alarm`` is whether an interval lies on one side of 0."""
    company = simulate_company(customers, seed=seed, effects=NOTHING)
    after = pd.Timestamp(CUTOFF) + pd.Timedelta(days=1)
    table = company.customers[["customer_id", "segment", "country", "contract", "acquired_on"]]
    table = table[table["acquired_on"] < after]
    table = table.assign(acquired_days=(after - table["acquired_on"]).dt.days)
    found = elasticities(
        table,
        company.realised(CUTOFF, HORIZON)[["customer_id", "spend", "churned"]],
        DRIVERS,
        CONTROLS,
        answers=survey_answers(company.surveys, CUTOFF),
        logarithmic=("acquired_days",),
        level=LEVEL,
    ).dropna(subset="estimate")
    alarm = (found["lower"] > 0.0) | (found["upper"] < 0.0)
    return found[["outcome", "driver", "adjusted_for"]].assign(alarm=alarm.astype(float), seed=seed)


def summary(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Rate of false alarms and its standard error, by company."""
    rates = found.groupby([*by, "seed"])["alarm"].mean().groupby(by)
    table = rates.agg(rate="mean", spread="std", companies="size")
    return table.assign(error=table.pop("spread") / table["companies"].map(math.sqrt)).round(4)


def main() -> None:
    """Measure and compare with the level."""
    seeds, customers = (int(given) for given in (*sys.argv[1:], *("200", "1500")[len(sys.argv) - 1 :]))
    found = pd.concat([alarms(seed, customers) for seed in range(seeds)])
    total = summary(found, ["adjusted_for"])
    print(total.to_string())
    print(summary(found, ["adjusted_for", "outcome", "driver"]).to_string())
    held = all(row["rate"] <= MOST + 2.0 * row["error"] for row in total.to_dict("records"))
    print(
        f"{seeds} companies of {customers:,} customers, intervals of {LEVEL:.0%}: at most {MOST:.0%} false "
        f"alarms, alone and together, within two standard errors: {'reached' if held else 'MISSED'}"
    )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(total.reset_index().to_json(orient="records", indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
