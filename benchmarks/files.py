"""Files in other people's styles, made from one true log: is what guanxi reads that log?

Usage: python benchmarks/files.py [files] [first seed]

Every file is written in a style drawn by its seed. It must be read as exactly the true table, or be refused
with a setting that makes it right; where a message offers several readings, the true one is chosen, as a user
would. A file that is read as another table, or for which no message names the right setting, makes this
program fail. Last, `validate` is timed on 100,000 lines of each format.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from file_styles import CANONICAL, Export, large_exports, make_export
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.data.usability import Usability, assess
from guanxi.errors import GuanxiError
from guanxi.params import Params, load_params

RESULTS = Path(__file__).parent / "results" / "files.json"
ROUNDS, LINES, SECONDS = 6, 100_000, 3.0
AT_ONCE, WITH_SETTING, NO_REMEDY, OTHER = "at once", "with setting", "no remedy", "OTHER TABLE"
OUTCOMES = [AT_ONCE, WITH_SETTING, NO_REMEDY, OTHER]
OFFER = re.compile(
    r"--(?P<option>set|columns) (?:'(?P<quoted>[^']*)'"
    r"|(?P<key>[\w.]+)=(?:'(?P<late>[^']*)'|(?P<bare>[^\s'\"]+)))"
)


def offers(message: str) -> list[tuple[str, str]]:
    """Settings that a message names, as a shell would read them."""
    found = []
    for match in OFFER.finditer(message):
        key, value = match["key"], match["late"]
        if match["quoted"] is not None:
            key, value = match["quoted"].split("=", 1) if match["option"] == "set" else ("", match["quoted"])
        elif match["bare"] is not None:
            sign = key in ("data.decimal", "data.thousands")
            value = match["bare"][:1] if sign else match["bare"].rstrip(".,;:)")
        if match["option"] == "columns" and match["quoted"] is None:
            value = f"{key}={value}"
        found.append(("data.columns", value) if match["option"] == "columns" else (key, value))
    return found


def params_for(export: Export, settings: dict[str, str]) -> Params:
    overrides = [f"{key}={value}" for key, value in settings.items()]
    columns = {} if export.unmapped and "data.columns" not in settings else {"data.columns": export.columns}
    overrides = [each for each in overrides if not each.startswith("data.columns=")]
    return load_params(overrides=overrides, flags=columns)


def table(log: TransactionLog) -> Counter[tuple[str, str, float]]:
    """Accepted lines as they must be: text, seconds, number."""
    lines = log.lines.select(*CANONICAL).execute()
    times = pd.to_datetime(lines["timestamp"]).dt.strftime("%Y-%m-%d %H:%M:%S")
    return Counter(zip(lines["customer_id"].astype(str), times, lines["amount"].astype(float), strict=True))


def wrong_counts(log: TransactionLog, report: Usability) -> list[str]:
    """Lines that are neither accepted nor rejected, and rejected lines without advice."""
    found = []
    rejected = int(log.rejected.count().execute())
    if not sum(log.rejected_by_rule.values()) == rejected == log.lines_read - log.lines_accepted:
        found.append(f"{log.lines_read} read, {log.lines_accepted} accepted, {rejected} rejected")
    advice = sum(bool(re.search("rejected because .+: ", warning)) for warning in report.warnings)
    found += [f"advice for {advice} of {log.rejected_by_rule}"] * (advice != len(log.rejected_by_rule))
    return found


def attempt(export: Export, path: Path, settings: dict[str, str]) -> tuple[bool, str, list[str]]:
    """Read once: whether the table is the true one, what was said, and what does not add up."""
    params = params_for(export, settings)
    try:
        with closing(read_transactions(str(path), params.data)) as log:
            report = assess(log, log.last_day, params.horizon_days)
            found = table(log)
            said = [*report.warnings, *(f"{each.text} --set {each.setting}" for each in log.findings)]
            counts = wrong_counts(log, report)
    except GuanxiError as error:
        return False, str(error), ["several lines"] if "\n" in str(error) else []
    truth = export.truth()
    if found == truth:
        return True, "", counts
    lost, more = truth - found, found - truth
    said += [
        f"true, not read: {sorted(lost)[:3]} ({lost.total()})",
        f"read, not true: {sorted(more)[:3]} ({more.total()})",
    ]
    return False, OTHER + "\n" + "\n".join(said), counts


def examine(export: Export, folder: Path) -> tuple[str, str, list[str], dict[str, str]]:
    """Read, apply what the message offers if it is true, and read again."""
    path, settings = export.write(folder), {}
    for _ in range(ROUNDS):
        try:
            right, message, counts = attempt(export, path, settings)
        except Exception as error:  # a user would see a traceback
            return NO_REMEDY, f"{type(error).__name__}: {error}", ["not an error of ours"], settings
        if right:
            return (WITH_SETTING if settings else AT_ONCE), message, counts, settings
        true = {key: value for key, value in offers(message) if export.is_true(key, value)}
        if not true.keys() - settings.keys():
            break
        settings = true | settings
    outcome = OTHER if message.startswith(OTHER) else NO_REMEDY
    return outcome, message, counts, settings


def timings() -> pd.DataFrame:
    """Seconds of `guanxi validate` on 100,000 lines of each format, and as a ratio to plain CSV."""
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        for kind, export in large_exports(LINES).items():
            path = export.write(Path(name))
            columns = ",".join(f"{canonical}={column}" for canonical, column in export.columns.items())
            command = [sys.executable, "-m", "guanxi", "validate", str(path), "--columns", columns]
            begin = time.perf_counter()
            done = subprocess.run(command, cwd=name, capture_output=True, text=True, check=False)
            rows[kind] = time.perf_counter() - begin if done.returncode == 0 else np.nan
            if done.returncode:
                print(f"{kind}: {done.stderr.strip()}")
    found = pd.DataFrame({"seconds": rows})
    return found.assign(ratio=found["seconds"] / found["seconds"]["csv"])


def main() -> None:
    """Examine the files, print the outcomes by kind of dirt, and time each format."""
    files, first = (int(given) for given in (*sys.argv[1:], *("200", "0")[len(sys.argv) - 1 :]))
    outcomes, by_dirt, faults = Counter(), defaultdict(Counter), []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(first, first + files):
            export = make_export(seed)
            outcome, message, counts, settings = examine(export, Path(name))
            outcomes[outcome] += 1
            for dirt in export.dirt:
                by_dirt[dirt][outcome] += 1
            if outcome in (NO_REMEDY, OTHER) or counts:
                fault = {"dirt": export.dirt, "settings": settings, "message": message, "counts": counts}
                faults.append({"seed": seed, "outcome": outcome} | fault)
                print(f"seed {seed}: {outcome}", *fault.values(), sep="\n  ")
    print(pd.DataFrame(by_dirt).T.reindex(columns=OUTCOMES).fillna(0).astype(int).sort_index().to_string())
    print(pd.Series(outcomes).reindex(OUTCOMES).fillna(0).astype(int).to_string())
    seconds = timings()
    print(seconds.round(2).to_string(), f"\nvalidate: the bar is {SECONDS} s for {LINES:,} lines")
    RESULTS.parent.mkdir(exist_ok=True)
    result = {"outcomes": outcomes, "by_dirt": by_dirt, "faults": faults, "formats": seconds.T.to_dict()}
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(bool(outcomes[OTHER] or outcomes[NO_REMEDY] or any(fault["counts"] for fault in faults)))


if __name__ == "__main__":
    main()
