"""Startup time: import guanxi, show the help, and fit a small customer base in a fresh process.

Best of five processes each, in seconds. The fit of the CDNOW sample is compared with the import of its
libraries alone: optimisations for large data must not slow down small data.
"""

from __future__ import annotations

import json
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
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import guanxi": [sys.executable, "-c", "import guanxi"],
    "guanxi --help": [str(Path(sys.executable).with_name("guanxi")), "--help"],
    "import numpy, scipy, pandas, sklearn.base": [sys.executable, "-c", LIBRARIES],
    "import guanxi, fit CDNOW sample": [sys.executable, "-c", FIT, "{table}"],
}


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rfm.csv"
        guanxi.rfm("cdnow-sample", cutoff="1997-09-30", time_unit="W").to_csv(table, index=False)
        figures = {
            name: min(seconds([part.format(table=table) for part in command]) for _ in range(REPEATS))
            for name, command in COMMANDS.items()
        }
    for name, figure in figures.items():
        print(f"{name:<42} {figure:6.3f} s")
    RESULTS.parent.mkdir(exist_ok=True)
    rounded = {name: round(figure, 3) for name, figure in figures.items()}
    RESULTS.write_text(json.dumps({"best_of": REPEATS, "seconds": rounded}, indent=1) + "\n")


if __name__ == "__main__":
    main()
