"""Training on Spark in local mode: seconds, processor seconds and memory, by steps.

python benchmarks/spark.py [million lines] [million lines]

Logs of so many lines are simulated, in files of Parquet; `guanxi validate --engine spark` reads each (the
work that grows with the log), and `guanxi train --engine spark` learns from the last. Java and Python are
counted apart. Spark has one core and 1 GB of Java memory; PYSPARK_SUBMIT_ARGS sets others. The sample has
100,000 customers, a third of the usual, to save time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.simulation import simulate_transactions

RESULTS = Path(__file__).parent / "results" / "spark.json"
MODEL = {"k": 2, "r": 0.6, "alpha": 25.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
QUICK = ("--horizon", "90", "--set", "clv.model=bg_cnbd", "--set", "churn.snapshot_spacing_days=400")
AT_ONCE = 500_000  # customers of a file
CONF = "--conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=32"
SETTINGS = {"PYSPARK_SUBMIT_ARGS": f"--master local[1] --driver-memory 1g {CONF} pyspark-shell"}
COMMAND = """
import sys
from guanxi import cli
from guanxi.jobs import _opened_log

_opened_log.MOST_CUSTOMERS = 100_000
sys.argv = ["guanxi", *sys.argv[1:]]
cli.main()
"""
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    sizes = [float(given) for given in sys.argv[1:]] or [1.0, 10.0]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for millions in sizes:
            log = folder / f"{millions:g}-million"
            customers, lines = simulate(log, int(1e6 * millions))
            size = {"customers": customers, "lines": lines}
            rows.append(measured(["validate", log.name], folder) | size)
            print(rows[-1], flush=True)
        rows.append(measured(["train", log.name, *QUICK], folder) | size)
    print(pd.DataFrame(rows).drop(columns="steps").to_string(index=False))
    print(json.dumps(rows[-1]["steps"], indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


def simulate(log: Path, wanted: int) -> tuple[int, int]:
    """Write a log of about so many lines; return the numbers of customers and lines."""
    log.mkdir()
    customers = lines = 0
    while lines < wanted:
        # 3.6 lines a customer
        n = min(AT_ONCE, max(1_000, int((wanted - lines) / 3.6)))
        age = np.ceil(np.random.default_rng(customers).uniform(0.0, 730.0, n))
        part = simulate_transactions("bg_cnbd", MODEL, SPEND, n=n, T=age, seed=customers + 1)
        part["customer_id"] += customers
        part["timestamp"] = part["timestamp"].astype("datetime64[us]")
        part.to_parquet(log / f"{customers:09}.parquet", index=False)
        customers, lines = customers + n, lines + len(part)
    return customers, lines


def measured(arguments: list[str], folder: Path) -> dict[str, object]:
    """Run a command on Spark, and measure it; the steps are those that it shows."""
    command = [sys.executable, "-c", COMMAND, *arguments, "--engine", "spark"]
    begin, said = time.perf_counter(), folder / "said.txt"
    with said.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=SETTINGS | os.environ, stdout=subprocess.DEVNULL, stderr=errors
        )
        peaks, ticks = {"java": 0, "python": 0}, {}
        while process.poll() is None:
            now = dict.fromkeys(peaks, 0)
            for each, what, memory, used in processes(process.pid):
                now[what] += memory
                ticks[each, what] = used
            peaks = {what: max(peaks[what], now[what]) for what in peaks}
            time.sleep(0.2)
    text = said.read_text()
    if process.returncode:
        raise SystemExit(f"{arguments} failed:\n{text}")
    used = {what: sum(each for (_, whose), each in ticks.items() if whose == what) for what in peaks}
    return {
        "command": arguments[0],
        "seconds": round(time.perf_counter() - begin, 1),
        **{f"{what}_processor_seconds": round(used[what] / TICKS, 1) for what in used},
        **{f"{what}_peak_gib": round(peaks[what] / 2**30, 2) for what in peaks},
        "steps": re.findall(r"^step \d+[^:]*: (.*?) ([\d.]+) s$", text, re.MULTILINE),
    }


def processes(root: int) -> list[tuple[int, str, int, int]]:
    """List a process and its descendants: number, what it is, bytes in memory, clock ticks used."""
    try:
        fields = Path(f"/proc/{root}/stat").read_text().rpartition(") ")[2].split()
        name = Path(f"/proc/{root}/comm").read_text().strip()
        children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    except OSError:  # it has just ended
        return []
    memory = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    own = (root, "java" if name == "java" else "python", memory, int(fields[11]) + int(fields[12]))
    return [own, *(each for child in children for each in processes(int(child)))]


if __name__ == "__main__":
    main()
