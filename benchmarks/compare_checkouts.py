"""Compare the output files of two checkouts of guanxi: the largest numerical difference per file.

Usage: python benchmarks/compare_checkouts.py BEFORE AFTER [FOLDER]

Both checkouts run with this interpreter: ``guanxi run`` on CDNOW and on Online Retail II (if the shared data
are present), ``guanxi run`` and ``guanxi scorecard`` on a simulated company. With FOLDER the results are kept
there, and a checkout with existing results is not run again.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHARED = Path(os.environ.get("GUANXI_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
RETAIL = SHARED / "online_retail_ii.parquet"
RETAIL_OPTIONS = [
    *("--columns", "customer_id=CustomerID,timestamp=InvoiceDate,amount=Quantity*Price,order_id=Invoice"),
    *("--set", "data.duplicates=drop", "--set", 'data.duplicates_ignore=["sheet"]', "--horizon", "182"),
]
SIMULATE = "from guanxi.simulation import simulate_company as s; import sys; from pathlib import Path; "
SIMULATE += "s(2000, seed=7).write(Path(sys.argv[1]))"
SCORECARD = ["scorecard", "transactions.csv", "-o", "card", "--history", "2"]
# Text that differs between runs of the same checkout: run identifiers, times of writing, durations.
FLEETING = re.compile(
    r"\b[0-9a-f]{32}\b|\bm-[0-9a-f]{32}\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.+:Z]*|\d+\.\d s\b"
)
WORKBOOKS = {".xlsx", ".png"}
# Keys and columns that have another name since.
RENAMED = {"said": "basis"}


def guanxi(checkout: Path, folder: Path, *arguments: str) -> None:
    """Run a command of a checkout in a folder and save its output."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "guanxi", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    output = f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    (folder / f"{arguments[0]}.txt").write_text(output.replace(str(folder), "FOLDER"), encoding="utf-8")


def simulate(checkout: Path, folder: Path) -> None:
    """Write the tables of a simulated company."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    subprocess.run([sys.executable, "-c", SIMULATE, str(folder)], env=environment, check=True)


def produce(checkout: Path, folder: Path) -> None:
    """Run all commands to be compared."""
    for name in ("cdnow", "retail", "company"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    guanxi(checkout, folder / "cdnow", "run")
    if RETAIL.exists():
        guanxi(checkout, folder / "retail", "run", str(RETAIL), *RETAIL_OPTIONS)
    simulate(checkout, folder / "company")
    guanxi(checkout, folder / "company", "run", "transactions.csv", "--horizon", "90")
    guanxi(checkout, folder / "company", *SCORECARD)


def written(folder: Path) -> dict[str, Path]:
    """Find the output files, by relative path."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    places = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        name: path
        for name, path in sorted(places.items())
        if not {"mlruns", "models", ".cache"} & set(path.parts) and not name.endswith(".lock")
    }


def difference(before: Any, after: Any) -> float:
    """Compute the largest difference of two values; infinite if they differ in kind."""
    if isinstance(before, dict) and isinstance(after, dict):
        before = {key if key in after else RENAMED.get(key, key): value for key, value in before.items()}
        if before.keys() != after.keys():
            return math.inf
        return max((difference(before[key], after[key]) for key in before), default=0.0)
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return math.inf
        return max((difference(*pair) for pair in zip(before, after, strict=True)), default=0.0)
    if isinstance(before, float) and isinstance(after, float):
        return 0.0 if before == after or (before != before and after != after) else abs(before - after)
    if isinstance(before, str) and isinstance(after, str):
        return 0.0 if FLEETING.sub("", before) == FLEETING.sub("", after) else math.inf
    return 0.0 if before == after else math.inf


def table_difference(before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Give the largest difference of two tables' numbers; infinite where anything else differs."""
    before = before.rename(columns={old: new for old, new in RENAMED.items() if old not in after})
    if list(before.columns) != list(after.columns) or len(before) != len(after):
        return math.inf
    largest = 0.0
    for name in before:
        old, new = before[name], after[name]
        if old.dtype.kind == "f" and new.dtype.kind == "f":
            gap = np.abs(old.to_numpy() - new.to_numpy())[~(old.isna() & new.isna()).to_numpy()]
            largest = max(largest, float(gap.max(initial=0.0)))
        elif not old.equals(new):
            return math.inf
    return largest


def file_difference(before: Path, after: Path) -> float:
    """Compute the largest difference of two files."""
    if before.suffix == ".parquet":
        return table_difference(pd.read_parquet(before), pd.read_parquet(after))
    if before.suffix == ".json":
        return difference(*(json.loads(path.read_text("utf-8")) for path in (before, after)))
    if before.suffix in WORKBOOKS:
        return 0.0 if before.stat().st_size == after.stat().st_size else math.inf
    return difference(*(path.read_text("utf-8") for path in (before, after)))


def main() -> None:
    """Run both checkouts and compare."""
    before, after = (Path(given).resolve() for given in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[3] if len(sys.argv) > 3 else temporary).resolve()
        for checkout, name in ((before, "before"), (after, "after")):
            if not (folder / name).exists():
                produce(checkout, folder / name)
        old, new = written(folder / "before"), written(folder / "after")
        missing = sorted(old.keys() ^ new.keys())
        gaps = {name: file_difference(old[name], new[name]) for name in sorted(old.keys() & new.keys())}
    for name, gap in gaps.items():
        print(f"{gap:10.3g}  {name}" if gap < math.inf else f"   differs  {name}")
    for name in missing:
        print(f"   only {'before' if name in old else 'after'}  {name}")
    finite = [gap for gap in gaps.values() if gap < math.inf]
    print(
        f"{len(gaps)} files compared, {len(gaps) - len(finite)} differ in more than numbers; "
        f"the largest difference of a number is {max(finite, default=0.0):g}"
    )
    sys.exit(1 if missing or any(gaps.values()) else 0)


if __name__ == "__main__":
    main()
