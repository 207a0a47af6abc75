"""Totals at many cutoffs and horizons of many logs: the value model alone, and with the level of refits.

Usage: python benchmarks/level.py [short] [NAME ...]

With ``short``, histories of 56 to 280 days: the first days of every log, and the days from its 201st on, as
if it had begun there. The value model is then the mean of BG/NBD and MBG/NBD, and no day is read after those
of "development".

The logs are those of ``logs.py``. The priors were chosen on simulated logs and on windows of the public ones
that end before the windows on which the other benchmarks report: the windows of "development".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import FitError
from guanxi.features.histories import sample_histories
from guanxi.models.purchase_models import transaction_model
from guanxi.params import load_params
from guanxi.periods import add_days
from guanxi.pipeline.level._refits import refit_models
from guanxi.pipeline.level.forecast import fit_level
from guanxi.pipeline.selection import fit_quietly
from logs import ROOT, Log, logs, short_logs

RESULTS = ROOT / "benchmarks" / "results" / "level.json"
HORIZONS = (28, 56, 84, 168, 252, 364, 728)
SHORT_HORIZONS, SHORT_HISTORIES, SHORT_STARTS = (28, 56, 84), range(56, 300, 28), (0, 200)
STEP_DAYS, LEAST_HISTORY_DAYS, CUTOFFS, LEVEL = 28, 84, 12, 0.9


def totals_at(
    log: TransactionLog,
    as_of: date,
    last: date,
    history: int,
    candidates: Sequence[int] = HORIZONS,
    names: Sequence[str] = ("bg_nbd",),
) -> pd.DataFrame:
    """Totals of all known horizons up to the ``history``: the value model alone and with the level."""
    day = (as_of - log.first_day).days
    horizons = [days for days in candidates if days <= min((last - as_of).days, history)]
    if not horizons:
        return pd.DataFrame()
    models = [partial(transaction_model, name, "guanxi", 1.0) for name in names]
    level = fit_level(refit_models(log, as_of, models, with_spend=False), max(horizons))
    histories = sample_histories(log, last, 20_000)
    rfm = histories.rfm(day)
    fitted = [fit_quietly(model(), rfm) for model in models]
    later = histories.day[np.isin(histories.customer, rfm.index)]
    rows = []
    for days in horizons:
        expected = float(np.mean([each.expected_purchases(rfm, float(days)).sum() for each in fitted]))
        actual = float(((later > day) & (later <= day + days)).sum())
        error, noise = level.error(days), 1.5 / expected
        spread = np.sqrt(error.variance + noise)
        row = {"as_of": as_of, "horizon_days": days, "model": np.log(expected / (actual + 0.5))}
        low, high = error.mean - 1.645 * spread, error.mean + 1.645 * spread
        rows.append(row | {"level": row["model"] + error.mean, "inside": low <= -row["model"] <= high})
    return pd.DataFrame(rows)


def rolling(log: TransactionLog, last: date) -> pd.DataFrame:
    """Totals at up to twelve cutoffs, evenly spaced."""
    most = ((last - log.first_day).days - LEAST_HISTORY_DAYS) // STEP_DAYS
    steps = np.unique(np.linspace(1, max(most, 1), min(CUTOFFS, max(most, 1))).round().astype(int))
    tables = []
    for step in steps:
        try:
            as_of = add_days(last, -STEP_DAYS * int(step))
            tables.append(totals_at(log, as_of, last, (as_of - log.first_day).days))
        except FitError:
            continue
    return pd.concat(tables, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.Series:
    """Root mean square and median of the log errors, and coverage of the 90 % interval."""
    yearly = table[table["horizon_days"] % 364 == 0]
    measures = {"windows": len(table), "inside": table["inside"].mean()}
    for name in ("model", "level"):
        measures[f"rms {name}"] = np.sqrt((table[name] ** 2).mean())
        measures[f"median {name}"] = table[name].abs().median()
        measures[f"years {name}"] = np.sqrt((yearly[name] ** 2).mean()) if len(yearly) else np.nan
    return pd.Series(measures)


def short_histories(each: Log) -> pd.DataFrame:
    """Totals after the first days of a log, and after the days from a later one on."""
    lines, tables = each.lines(), []
    day = pd.to_datetime(lines[each.rules.get("columns", {}).get("timestamp", "timestamp")]).dt.normalize()
    for start in SHORT_STARTS:
        part = lines[(day - day.min()).dt.days >= start]
        if part.empty:
            continue
        log = read_transactions(part, load_params(flags={"data": each.rules}).data)
        for history in SHORT_HISTORIES:
            as_of = add_days(log.first_day, history - 1)
            with suppress(FitError):
                table = totals_at(log, as_of, log.last_day, history, SHORT_HORIZONS, ("bg_nbd", "mbg_nbd"))
                tables.append(table.assign(start=start, history=history))
        log.close()
    return pd.concat(tables, ignore_index=True)


def short(names: list[str]) -> None:
    """Print the errors after short histories of every log, and of all logs weighed alike."""
    found = {}
    for name, each in short_logs().items():
        if not names or name in names:
            found[name] = short_histories(each)
            print(name, summary(found[name]).dropna().round(3).to_dict(), flush=True)
    by_set = pd.DataFrame({name: summary(table) for name, table in found.items()}).T
    squares = np.sqrt((by_set.filter(regex="rms") ** 2).mean())
    rest = by_set.filter(regex="median|inside").mean()
    print(f"logs weighed alike: {pd.concat([squares, rest]).round(3).to_dict()}")
    print(f"  rms: {squares['rms level'] / squares['rms model']:.3f} of the value model's")


def main() -> None:
    """Print the errors of every log, and of all logs weighed alike."""
    names, found = sys.argv[1:], []
    if names[:1] == ["short"]:
        short(names[1:])
        return
    for name, each in logs().items():
        if names and name not in names:
            continue
        log = read_transactions(each.read(), load_params(flags={"data": each.rules}).data)
        table = rolling(log, log.last_day)
        ends = [add_days(row.as_of, row.horizon_days) for row in table.itertuples()]
        table["set"], table["development"] = name, [end <= (each.last_day or end) for end in ends]
        found.append(table)
        print(name, summary(table[table["development"]]).round(3).to_dict(), flush=True)
        log.close()
    table = pd.concat(found, ignore_index=True)
    for which, rows in (("development", table[table["development"]]), ("all", table)):
        by_set = rows.groupby("set", sort=False).apply(summary, include_groups=False)
        print(f"\n{which} windows\n{by_set.round(3).to_string()}")
        squares = np.sqrt((by_set.filter(regex="rms|years") ** 2).mean())
        rest = by_set.filter(regex="median|inside").mean()
        print(f"logs weighed alike: {pd.concat([squares, rest]).round(3).to_dict()}")
        for kind in ("rms", "years"):
            print(f"  {kind}: {squares[f'{kind} level'] / squares[f'{kind} model']:.3f} of the value model's")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(table.astype({"as_of": str}).to_json(orient="records", indent=1) + "\n")
    print(json.dumps({"written": str(RESULTS.relative_to(ROOT))}))


if __name__ == "__main__":
    main()
