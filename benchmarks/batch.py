"""Batch scoring of a simulated customer base: `guanxi predict` against a straightforward script.

python benchmarks/batch.py [customers] [customers of the large base]

Both score the same transactions with the same fitted models, in separate processes, imports and reading
included. The script is benchmarks/straightforward.py. Numbers that both produce must agree; guanxi also
produces intervals, dates and texts. The large base is scored by guanxi alone, to measure its memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
    customers, large = (int(given) for given in (*sys.argv[1:], *("1000000", "5000000")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder / "base.parquet", customers)
        simulate(folder / "training.parquet", TRAINED_ON)
        guanxi(folder, "train", "training.parquet")
        # Training fits two models; the twin has the earlier cutoff.
        model = max((folder / "mlruns").rglob("model.json"), key=fitted_at).parent
        rows = []
        for drivers in (0, DRIVERS):
            script = [sys.executable, HERE / "straightforward.py", "base.parquet", model, "script.parquet"]
            rows.append(measured("straightforward", drivers, customers, [*script, drivers], folder))
            rows.append(measured("guanxi", drivers, customers, predict("base.parquet", drivers), folder))
            rows[-1]["times_faster"] = round(rows[-2]["seconds"] / rows[-1]["seconds"], 2)
            compare(folder)
        if large:
            simulate(folder / "large.parquet", large)
            rows.append(measured("guanxi", DRIVERS, large, predict("large.parquet", DRIVERS), folder))
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    result = {"cores": os.cpu_count(), "python": sys.version.split()[0], "rows": rows}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def fitted_at(document: Path) -> str:
    return str(json.loads(document.read_text(encoding="utf-8"))["as_of"])


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


def predict(source: str, drivers: int) -> list[object]:
    command = [sys.executable, "-m", "guanxi", "predict", source, "-o", "scores.parquet"]
    return [*command, "--drivers", drivers]


def guanxi(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "guanxi", *arguments], cwd=folder, check=True)


def measured(
    name: str, drivers: int, customers: int, command: list[object], folder: Path
) -> dict[str, object]:
    """Seconds, customers per second, and peak memory of a process and its children."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], cwd=folder)
    peak, status = 0, 0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        if done:
            break
        peak = max(peak, memory_of(process.pid))
        time.sleep(0.05)
    seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"{name} failed: {command}")
    return {
        "who": name,
        "customers": customers,
        "drivers": drivers,
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "customers_per_second": round(customers / seconds),
        "peak_memory_gib": round(peak / 2**30, 2),
    }


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


if __name__ == "__main__":
    main()
