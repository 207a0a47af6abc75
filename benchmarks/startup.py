"""Startup time: import guanxi, show the help, fit, score and explain few customers in a fresh process.

Best of five processes each, in processor seconds and in seconds. The fit of the CDNOW sample is compared with
the import of its libraries alone: optimisations for large data must not slow down small data. Scoring 1,000
customers and explaining one with a registered model are compared with the import of MLflow alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import guanxi

RESULTS = Path(__file__).parent / "results" / "startup.json"
REPEATS = 5
LIBRARIES = "import numpy, scipy, pandas, sklearn.base"
FIT = """
import sys, pandas, guanxi
from guanxi.models import BetaGeoNBD
BetaGeoNBD().fit(pandas.read_csv(sys.argv[1]))
"""
MLFLOW = "import mlflow"
GUANXI = [sys.executable, "-m", "guanxi"]
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import guanxi": [sys.executable, "-c", "import guanxi"],
    "guanxi --help": [str(Path(sys.executable).with_name("guanxi")), "--help"],
    "import numpy, scipy, pandas, sklearn.base": [sys.executable, "-c", LIBRARIES],
    "import guanxi, fit CDNOW sample": [sys.executable, "-c", FIT, "{table}"],
    MLFLOW: [sys.executable, "-c", MLFLOW],
    "guanxi predict, 1,000 customers": [*GUANXI, "predict", "{few}", "-o", "scores.parquet"],
    "guanxi explain": [*GUANXI, "explain", "{customer}", "{few}", "-o", "why.png"],
}
BAR = 2.0  # imports of MLflow


def seconds(command: list[str], folder: Path) -> tuple[float, float]:
    """Processor seconds and seconds of a command."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {command}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - begin


def prepare(folder: Path) -> dict[str, str]:
    """Write the tables that the commands use, and train a model."""
    guanxi.rfm("cdnow-sample", cutoff="1997-09-30", time_unit="W").to_csv(folder / "rfm.csv", index=False)
    log = guanxi.datasets.load_cdnow_sample()
    few = log["customer_id"].drop_duplicates()[:1000]
    log[log["customer_id"].isin(few)].to_parquet(folder / "few.parquet")
    trained = [*GUANXI, "train", "cdnow-sample"]
    subprocess.run(trained, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"table": "rfm.csv", "few": "few.parquet", "customer": str(few.iloc[0])}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = prepare(folder)
        figures = {
            said: [
                min(found)
                for found in zip(
                    *(seconds([part.format(**given) for part in command], folder) for _ in range(REPEATS)),
                    strict=True,
                )
            ]
            for said, command in COMMANDS.items()
        }
    for said, (processor, wall) in figures.items():
        print(f"{said:<42} {processor:6.3f} processor seconds {wall:7.3f} s")
    for said in ("guanxi predict, 1,000 customers", "guanxi explain"):
        ratio = figures[said][0] / figures[MLFLOW][0]
        print(f"{said}: {ratio:.2f} imports of MLflow, {'met' if ratio < BAR else 'MISSED'}")
    RESULTS.parent.mkdir(exist_ok=True)
    rounded = {said: [round(figure, 3) for figure in pair] for said, pair in figures.items()}
    RESULTS.write_text(
        json.dumps({"best_of": REPEATS, "processor_seconds_and_seconds": rounded}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
