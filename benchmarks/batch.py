"""Batch scoring of a simulated customer base: `guanxi predict` against a straightforward script.

python benchmarks/batch.py [--customers N] [--large N] [--before CHECKOUT] [--model FOLDER]

Both score the same transactions with the same fitted models, in separate processes, imports and reading
included. The script is benchmarks/straightforward.py. Numbers that both produce must agree; guanxi also
produces intervals, dates and texts. With drivers the script simulates the intervals of each hundredth
customer, and the seconds that all would take are added. The large base is scored by guanxi alone, to measure
its memory. With --before an earlier checkout scores too, with the same parameters and trees and its own code,
and the tables are compared. Without --model one is trained first, by BG/NBD, which lifetimes has too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from guanxi.simulation import simulate_transactions

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "batch.json"
MODEL = {"k": 2, "r": 0.6, "alpha": 25.0, "a": 0.8, "b": 2.5}  # regular buyers, so the corrections matter
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
TRAINED_ON, AT_ONCE, DRIVERS = 50_000, 1_000_000, 3
SAME = [
    "frequency", "recency", "T", "monetary_value", "probability_alive", "expected_purchases",
    "expected_spend", "churn_probability", "clv",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), []
        simulate(folder / "base.parquet", given.customers)
        model = with_code(given.model or trained(folder), HERE.parent, folder / "now")
        before = with_code(model, given.before, folder / "before") if given.before else None
        for drivers in (0, DRIVERS):
            script = [sys.executable, HERE / "straightforward.py", "base.parquet", model / "artifacts"]
            command = [*script, "script.parquet", drivers]
            rows.append(measured("straightforward", drivers, given.customers, command, folder))
            now = predict("base.parquet", model, drivers)
            rows.append(measured("guanxi", drivers, given.customers, now, folder))
            rows[-1]["times_faster"] = round(rows[-2]["seconds"] / rows[-1]["seconds"], 2)
            compare(folder)
            if before:
                now = predict("base.parquet", before, drivers, "before.parquet")
                earlier = measured("before", drivers, given.customers, now, folder, given.before)
                rows[-1]["times_faster_than_before"] = round(earlier["seconds"] / rows[-1]["seconds"], 2)
                rows.append(earlier)
                print("largest difference from before:", difference(folder), flush=True)
        if given.large:
            simulate(folder / "large.parquet", given.large)
            now = predict("large.parquet", model, DRIVERS)
            rows.append(measured("guanxi", DRIVERS, given.large, now, folder))
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    result = {"cores": os.cpu_count(), "python": sys.version.split()[0], "rows": rows}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def trained(folder: Path) -> Path:
    """Train a model, and return its folder."""
    simulate(folder / "training.parquet", TRAINED_ON)
    guanxi(folder, "train", "training.parquet", "--set", "clv.model=bg_nbd")
    # Training fits two models; the twin has the earlier cutoff.
    return max((folder / "mlruns").rglob("model.json"), key=fitted_at).parents[1]


def fitted_at(document: Path) -> str:
    return str(json.loads(document.read_text(encoding="utf-8"))["as_of"])


def with_code(model: Path, checkout: Path, folder: Path) -> Path:
    """Copy a model, with the code that a checkout gives its own."""
    shutil.copytree(model, folder)
    code = "from guanxi.registry._bundle import served_code; print(served_code())"
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve() / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    (folder / "guanxi_model.py").write_text(done.stdout, encoding="utf-8")
    return folder


def simulate(path: Path, customers: int) -> None:
    """Write the transactions of many customers, in batches."""
    writer = None
    for first in range(0, customers, AT_ONCE):
        n = min(AT_ONCE, customers - first)
        age = np.ceil(np.random.default_rng(first).uniform(0.0, 730.0, n))
        part = simulate_transactions("bg_cnbd", MODEL, SPEND, n=n, T=age, seed=first + 1)
        part["customer_id"] += first
        batch = pa.Table.from_pandas(part, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, batch.schema)
        writer.write_table(batch)
    if writer:
        writer.close()


def predict(source: str, model: Path, drivers: int, output: str = "scores.parquet") -> list[object]:
    command = [sys.executable, "-m", "guanxi", "predict", source, "-o", output, "--model", model]
    return [*command, "--drivers", drivers]


def guanxi(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "guanxi", *arguments], cwd=folder, check=True)


def measured(
    name: str, drivers: int, customers: int, command: list[object], folder: Path, checkout: Path = HERE.parent
) -> dict[str, Any]:
    """Seconds, customers per second, and peak memory of a process and its children."""
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve() / "src")}
    begin = time.perf_counter()
    with open(folder / "output.txt", "w") as output:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=folder, env=environment, stdout=output
        )
    peak, status = 0, 0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        peak = max(peak, memory_of(process.pid))
        time.sleep(0.05)
    seconds, also = time.perf_counter() - begin, {}
    last = (folder / "output.txt").read_text(encoding="utf-8").splitlines()[-1:]
    if last and last[0].startswith("{"):  # what the script would have taken besides
        also = json.loads(last[0])
        seconds += also["extrapolated_seconds"]
    if status:
        raise SystemExit(f"{name} failed: {command}")
    row = {
        "who": name,
        "customers": customers,
        "drivers": drivers,
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "customers_per_second": round(customers / seconds),
        "peak_memory_gib": round(peak / 2**30, 2),
        **also,
    }
    print(row, flush=True)
    return row


def memory_of(process: int) -> int:
    """Bytes in memory of a process and its children, shared pages counted once."""
    try:
        started = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    own = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return own + sum(memory_of(int(each)) for each in started)


def compare(folder: Path) -> None:
    """Check that both outputs agree."""
    script, own = (
        pd.read_parquet(folder / name, columns=["customer_id", *SAME]).sort_values("customer_id")
        for name in ("script.parquet", "scores.parquet")
    )
    for name in SAME:
        np.testing.assert_allclose(own[name], script[name], rtol=1e-6, atol=1e-9, err_msg=name)


def difference(folder: Path) -> float:
    """Largest difference of the numbers of both checkouts, relative to those above 1; texts must be equal."""
    before, now = (
        pd.read_parquet(folder / name).drop(columns="model_version")
        for name in ("before.parquet", "scores.parquet")
    )
    numbers = [name for name in now if now[name].dtype.kind == "f"]
    pd.testing.assert_frame_equal(before.drop(columns=numbers), now.drop(columns=numbers))
    gaps = (before[numbers] - now[numbers]).abs() / before[numbers].abs().clip(lower=1.0)
    assert (before[numbers].isna() == now[numbers].isna()).all(axis=None)
    return float(gaps.max().max())


if __name__ == "__main__":
    main()
